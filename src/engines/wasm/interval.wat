;; The interval engine's lookups over a batch, and the pages that they look into.
;;
;; A fused page holds, for 4,096 MSRs, what the filter and the base table say together of each access, as a number:
;; 0 denied by the filter, else allowed and 1 handled, 2 unknown, 3 invalid.
;; One 32-bit word is for 8 MSRs, bit n of each byte for the n-th: byte 0 has bit 0 of RDMSR's number, byte 1 has
;; bit 1 of it, bytes 2 and 3 the same for WRMSR. So fusing is an AND of whole bytes.
;;
;; Memory (interval-pages.ts has the same numbers):
;;   0x000000  directory: page number by index >> 12, one byte each
;;   0x100000  bits of the filter of the page that is being fused: 512 bytes for reads, 512 for writes
;;   0x101000  base pages, 2,048 bytes each: as a fused page, were everything allowed
;;   0x160000  fused pages, 2,048 bytes each
;;   0x1e0000  indices of a batch; 0x1e8000 types; 0x1ea000 verdicts
(module
  (memory (export "memory") 31)

  ;; Fuses the filter's bits at 0x100000 with the base page at $base into the page at $to; both are addresses.
  (func (export "fuse") (param $base i32) (param $to i32)
    (local $at i32) (local $reads v128) (local $writes v128)
    (loop $next
      (local.set $reads (v128.load offset=0x100000 (local.get $at)))
      (local.set $writes (v128.load offset=0x100200 (local.get $at)))
      (v128.store offset=0 (local.get $to) (v128.and (v128.load offset=0 (local.get $base))
        (i8x16.shuffle 0 0 16 16 1 1 17 17 2 2 18 18 3 3 19 19 (local.get $reads) (local.get $writes))))
      (v128.store offset=16 (local.get $to) (v128.and (v128.load offset=16 (local.get $base))
        (i8x16.shuffle 4 4 20 20 5 5 21 21 6 6 22 22 7 7 23 23 (local.get $reads) (local.get $writes))))
      (v128.store offset=32 (local.get $to) (v128.and (v128.load offset=32 (local.get $base))
        (i8x16.shuffle 8 8 24 24 9 9 25 25 10 10 26 26 11 11 27 27 (local.get $reads) (local.get $writes))))
      (v128.store offset=48 (local.get $to) (v128.and (v128.load offset=48 (local.get $base))
        (i8x16.shuffle 12 12 28 28 13 13 29 29 14 14 30 30 15 15 31 31 (local.get $reads) (local.get $writes))))
      (local.set $base (i32.add (local.get $base) (i32.const 64)))
      (local.set $to (i32.add (local.get $to) (i32.const 64)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (i32.const 512)))))

  ;; The way back, for proofs: writes the filter's bits of the page at $page to 0x100000. Returns 1 if the page says of what
  ;; is allowed what the base page at $base says, else 0.
  (func (export "unfuse") (param $base i32) (param $page i32) (result i32)
    (local $at i32) (local $says v128) (local $allowed v128) (local $same i32)
    (local.set $same (i32.const 1))
    (loop $next
      (local.set $says (v128.load (local.get $page)))
      ;; Allowed if either bit of a number is set: each byte or its neighbour.
      (local.set $allowed
        (v128.or (local.get $says)
          (i8x16.swizzle (local.get $says) (v128.const i8x16 1 0 3 2 5 4 7 6 9 8 11 10 13 12 15 14))))
      (local.set $same
        (i32.and (local.get $same)
          (i8x16.all_true
            (i8x16.eq (local.get $says) (v128.and (local.get $allowed) (v128.load (local.get $base)))))))
      (v128.store32_lane offset=0x100000 0 (local.get $at)
        (i8x16.swizzle (local.get $allowed) (v128.const i8x16 0 4 8 12 0 0 0 0 0 0 0 0 0 0 0 0)))
      (v128.store32_lane offset=0x100200 0 (local.get $at)
        (i8x16.swizzle (local.get $allowed) (v128.const i8x16 2 6 10 14 0 0 0 0 0 0 0 0 0 0 0 0)))
      (local.set $base (i32.add (local.get $base) (i32.const 16)))
      (local.set $page (i32.add (local.get $page) (i32.const 16)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 512))))
    (local.get $same))

  ;; Writes the verdict of each access; byte n of $verdicts is the verdict of what a fused page says as n.
  (func (export "judge") (param $count i32) (param $verdicts i32)
    (local $i i32) (local $index i32) (local $word i32)
    (if (i32.eqz (local.get $count)) (then (return)))
    (loop $next
      (local.set $index (i32.load offset=0x1e0000 (i32.shl (local.get $i) (i32.const 2))))
      (local.set $word
        (i32.shr_u
          (i32.load offset=0x160000
            (i32.or
              (i32.shl (i32.load8_u (i32.shr_u (local.get $index) (i32.const 12))) (i32.const 11))
              (i32.and (i32.shr_u (local.get $index) (i32.const 1)) (i32.const 0x7fc))))
          (i32.or
            (i32.and (local.get $index) (i32.const 7))
            (i32.shl (i32.load8_u offset=0x1e8000 (local.get $i)) (i32.const 4)))))
      (i32.store8 offset=0x1ea000 (local.get $i)
        (i32.shr_u (local.get $verdicts)
          (i32.or
            (i32.and (i32.shl (local.get $word) (i32.const 3)) (i32.const 8))
            (i32.and (i32.shr_u (local.get $word) (i32.const 4)) (i32.const 16)))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))))
