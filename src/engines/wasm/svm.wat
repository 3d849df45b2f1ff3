;; The svm engine's lookups over a batch: what each access comes to, worked out beforehand.
;;
;; A page has one byte per MSR, for 4,096. Bits 0-3 are for RDMSR, bits 4-7 for WRMSR, each:
;; bit 0 not intercepted, by the MSR permissions map (APM 15.11); bit 1 the exit fastpath completes it;
;; bits 2-3: 0 denied by the filter, else 1 handled, 2 unknown, 3 invalid.
;;
;; Memory (svm-pages.ts has the same numbers):
;;   0x000000  directory: number of the page by index >> 12, one byte each
;;   0x100000  verdict by the 4 bits of an access, one byte each; 0x100010 route likewise
;;   0x101000  bitmap of a range, 64 bits from its start on
;;   0x102000  base pages, as pages were everything allowed and intercepted; 0x180000 pages
;;   0x280000  indices of a batch; 0x288000 types; 0x28a000 verdicts; 0x28c000 routes
;;   0x28e000  what "show" writes
(module
  (memory (export "memory") 41)

  ;; Sets $field of each byte from $first up to $end (addresses of a page) to what the byte at the same offset of $base
  ;; has there, where the range's bit is 1, else to 0. Bit $bit is $first's. Eight bytes at a time: bytes of a word that
  ;; are not meant keep their value.
  (func (export "decide")
    (param $bit i32) (param $base i32) (param $first i32) (param $end i32) (param $field i64)
    (local $word i32) (local $bits i64) (local $meant i64)
    (local.set $word (i32.and (local.get $first) (i32.const -8)))
    ;; What is before the start of the range, in the word and in the bitmap, is masked out.
    (local.set $bit (i32.add (i32.const 64) (i32.add (local.get $bit) (i32.sub (local.get $word) (local.get $first)))))
    (local.set $base (i32.add (local.get $base) (i32.sub (local.get $word) (local.get $first))))
    (local.set $meant (i64.shl (local.get $field)
      (i64.extend_i32_u (i32.shl (i32.sub (local.get $first) (local.get $word)) (i32.const 3)))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $word) (local.get $end)))
        (if (i32.lt_u (i32.sub (local.get $end) (local.get $word)) (i32.const 8))
          (then
            (local.set $meant (i64.and (local.get $meant)
              (i64.sub (i64.shl (i64.const 1)
                (i64.extend_i32_u (i32.shl (i32.sub (local.get $end) (local.get $word)) (i32.const 3)))) (i64.const 1))))))
        ;; Eight bits of the bitmap to the lowest bits of eight bytes, then to whole bytes.
        (local.set $bits
          (i64.and
            (i64.mul
              (i64.and (i64.const 0xff)
                (i64.shr_u
                  (i64.load16_u offset=0x101000 (i32.shr_u (local.get $bit) (i32.const 3)))
                  (i64.extend_i32_u (i32.and (local.get $bit) (i32.const 7)))))
              (i64.const 0x0101010101010101))
            (i64.const 0x8040201008040201)))
        (local.set $bits
          (i64.mul (i64.const 0xff)
            (i64.and (i64.const 0x0101010101010101)
              (i64.shr_u
                (i64.or (local.get $bits) (i64.add (local.get $bits) (i64.const 0x007f7f7f7f7f7f7f)))
                (i64.const 7)))))
        (i64.store (local.get $word)
          (i64.or
            (i64.and (i64.load (local.get $word)) (i64.xor (local.get $meant) (i64.const -1)))
            (i64.and (local.get $meant) (i64.and (local.get $bits) (i64.load (local.get $base))))))
        (local.set $meant (local.get $field))
        (local.set $word (i32.add (local.get $word) (i32.const 8)))
        (local.set $base (i32.add (local.get $base) (i32.const 8)))
        (local.set $bit (i32.add (local.get $bit) (i32.const 8)))
        (br $next))))

  ;; The way back, for proofs: one bit for each MSR of the page at $page, 512 bytes each, to 0x28e000: allowed by the
  ;; filter, RDMSR then WRMSR; not intercepted, likewise; completed by the fastpath, likewise. Returns 1 if the numbers
  ;; of what is allowed are those of the base page at $base, else 0.
  (func (export "show") (param $base i32) (param $page i32) (result i32)
    (local $at i32) (local $says v128) (local $reads v128) (local $writes v128) (local $same i32)
    (local.set $same (i32.const 1))
    (loop $next
      (local.set $says (v128.load (i32.add (local.get $page) (i32.shl (local.get $at) (i32.const 3)))))
      (local.set $reads (i8x16.ne (v128.const i32x4 0 0 0 0)
        (v128.and (local.get $says) (v128.const i8x16 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c))))
      (local.set $writes (i8x16.ne (v128.const i32x4 0 0 0 0)
        (v128.and (local.get $says) (v128.const i8x16 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0))))
      (local.set $same
        (i32.and (local.get $same)
          (i8x16.all_true
            (i8x16.eq
              (v128.and (local.get $says)
                (v128.or (v128.const i8x16 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c)
                  (v128.const i8x16 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0)))
              (v128.and
                (v128.load (i32.add (local.get $base) (i32.shl (local.get $at) (i32.const 3))))
                (v128.or
                  (v128.and (local.get $reads) (v128.const i8x16 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c 0x0c))
                  (v128.and (local.get $writes) (v128.const i8x16 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0))))))))
      (i32.store16 offset=0x28e000 (local.get $at) (i8x16.bitmask (local.get $reads)))
      (i32.store16 offset=0x28e200 (local.get $at) (i8x16.bitmask (local.get $writes)))
      (i32.store16 offset=0x28e400 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 7))))
      (i32.store16 offset=0x28e600 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 3))))
      (i32.store16 offset=0x28e800 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 6))))
      (i32.store16 offset=0x28ea00 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 2))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 2))) (i32.const 512))))
    (local.get $same))

  ;; Writes verdict and route of each access.
  (func (export "judge") (param $count i32)
    (local $i i32) (local $index i32)
    (if (i32.eqz (local.get $count)) (then (return)))
    (loop $next
      (local.set $index (i32.load offset=0x280000 (i32.shl (local.get $i) (i32.const 2))))
      (local.set $index
        (i32.and (i32.const 15)
          (i32.shr_u
            (i32.load8_u offset=0x180000
              (i32.add
                (i32.shl (i32.load8_u (i32.shr_u (local.get $index) (i32.const 12))) (i32.const 12))
                (i32.and (local.get $index) (i32.const 0xfff))))
            (i32.shl (i32.load8_u offset=0x288000 (local.get $i)) (i32.const 2)))))
      (i32.store8 offset=0x28a000 (local.get $i) (i32.load8_u offset=0x100000 (local.get $index)))
      (i32.store8 offset=0x28c000 (local.get $i) (i32.load8_u offset=0x100010 (local.get $index)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))))
