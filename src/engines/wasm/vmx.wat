;; The vmx engine's lookups over a batch: what an access ends in, painted beforehand.
;;
;; A painted page has one byte per MSR, for 4,096: the low 4 bits are RDMSR's, the high 4 WRMSR's. Of the 4, the lower
;; two are 0 denied by the filter, else allowed and 1 handled, 2 unknown, 3 invalid; bit 2: if it exits, the exit
;; fastpath completes it; bit 3: it exits, by the VMX MSR bitmap (SDM 26.6.9).
;;
;; Memory (vmx-pages.ts has the same numbers):
;;   0x000000  directory: number of the painted page by index >> 12, one byte each
;;   0x100000  16 results by what a painted page says, two bytes each: verdict, route
;;   0x201000  bitmap of the range that is painted
;;   0x202000  base pages, as painted pages were everything allowed and nothing passed through
;;   0x280000  painted pages
;;   0x380000  indices of a batch; 0x388000 types; 0x38a000 verdicts; 0x38c000 routes
;;   0x38e000  what "unpaint" writes
(module
  (memory (export "memory") 57)

  ;; Paints $count MSRs from the address $to on, 16 at a time, with the range's bits from bit $from on: what $base says
  ;; where the bit is 1, 0 where it is 0; only those bits of each byte that are in $types.
  (func (export "paint") (param $from i32) (param $base i32) (param $to i32) (param $count i32) (param $types i32)
    (local $mask v128)
    (if (i32.eqz (local.get $count)) (then (return)))
    (local.set $mask (i8x16.splat (local.get $types)))
    (loop $next
      (if (i32.lt_u (local.get $count) (i32.const 16))
        (then
          (local.set $mask
            (v128.and (local.get $mask)
              (i8x16.lt_u (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) (i8x16.splat (local.get $count)))))
          (local.set $count (i32.const 16))))
      (v128.store (local.get $to)
        (v128.bitselect
          (v128.and
            (v128.load (local.get $base))
            (i8x16.ne
              (v128.const i32x4 0 0 0 0)
              (v128.and
                (v128.const i8x16 1 2 4 8 16 32 64 128 1 2 4 8 16 32 64 128)
                (i8x16.swizzle
                  (i32x4.splat
                    (i32.shr_u
                      (i32.load offset=0x201000 (i32.shr_u (local.get $from) (i32.const 3)))
                      (i32.and (local.get $from) (i32.const 7))))
                  (v128.const i8x16 0 0 0 0 0 0 0 0 1 1 1 1 1 1 1 1)))))
          (v128.load (local.get $to))
          (local.get $mask)))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $base (i32.add (local.get $base) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 16))))))

  ;; The way back, for proofs: one bit for each MSR of the page at $page, 512 bytes each, to 0x38e000: allowed by the
  ;; filter, RDMSR then WRMSR; exits, likewise; completed by the fastpath, likewise. Returns 1 if what is allowed is
  ;; handled, unknown or invalid as the base page at $base says, else 0.
  (func (export "unpaint") (param $base i32) (param $page i32) (result i32)
    (local $at i32) (local $says v128) (local $reads v128) (local $writes v128) (local $same i32)
    (local.set $same (i32.const 1))
    (loop $next
      (local.set $says (v128.load (i32.add (local.get $page) (i32.shl (local.get $at) (i32.const 3)))))
      (local.set $reads (i8x16.ne (v128.const i32x4 0 0 0 0)
        (v128.and (local.get $says) (v128.const i8x16 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03))))
      (local.set $writes (i8x16.ne (v128.const i32x4 0 0 0 0)
        (v128.and (local.get $says) (v128.const i8x16 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30))))
      (local.set $same
        (i32.and (local.get $same)
          (i8x16.all_true
            (i8x16.eq
              (v128.and (local.get $says)
                (v128.or (v128.const i8x16 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03)
                  (v128.const i8x16 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30)))
              (v128.and
                (v128.load (i32.add (local.get $base) (i32.shl (local.get $at) (i32.const 3))))
                (v128.or
                  (v128.and (local.get $reads) (v128.const i8x16 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03 0x03))
                  (v128.and (local.get $writes) (v128.const i8x16 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30 0x30))))))))
      (i32.store16 offset=0x38e000 (local.get $at) (i8x16.bitmask (local.get $reads)))
      (i32.store16 offset=0x38e200 (local.get $at) (i8x16.bitmask (local.get $writes)))
      (i32.store16 offset=0x38e400 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 4))))
      (i32.store16 offset=0x38e600 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 0))))
      (i32.store16 offset=0x38e800 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 5))))
      (i32.store16 offset=0x38ea00 (local.get $at)
        (i8x16.bitmask (i8x16.shl (local.get $says) (i32.const 1))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 2))) (i32.const 512))))
    (local.get $same))

  ;; Writes verdict and route of each access.
  (func (export "judge") (param $count i32)
    (local $i i32) (local $index i32) (local $result i32)
    (if (i32.eqz (local.get $count)) (then (return)))
    (loop $next
      (local.set $index (i32.load offset=0x380000 (i32.shl (local.get $i) (i32.const 2))))
      (local.set $result
        (i32.load16_u offset=0x100000
          (i32.and (i32.const 0x1e)
            (i32.shr_u
              (i32.shl
                (i32.load8_u offset=0x280000
                  (i32.or
                    (i32.shl (i32.load8_u (i32.shr_u (local.get $index) (i32.const 12))) (i32.const 12))
                    (i32.and (local.get $index) (i32.const 0xfff))))
                (i32.const 1))
              (i32.shl (i32.load8_u offset=0x388000 (local.get $i)) (i32.const 2))))))
      (i32.store8 offset=0x38a000 (local.get $i) (local.get $result))
      (i32.store8 offset=0x38c000 (local.get $i) (i32.shr_u (local.get $result) (i32.const 8)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))))
