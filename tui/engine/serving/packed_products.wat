;; Products of one vector with matrices whose numbers are kept in blocks (see llama/packed_blocks.py).
;;
;; The vector is split, with a scale of its own for every 32 numbers, into two of 16 bits: the rounded numbers,
;; and what rounding took away, 65,534 times as fine. Together they are as good as float32; and the products of
;; a block are whole numbers: eight multiplications an instruction, and no conversion but of the block's sums.
;;
;; The first words (32 bits) of the memory say what is to be done:
;;   0 the blocks of weights, 4 their lowest values, 8 the vector, 12 the result, 16 rows, 20 blocks a row,
;;   24 room for the split vector, 28 room for the sums of its blocks.
;; Lowest values and sums are float32, filled up with zeros to a multiple of four a row. A block of the split
;; vector takes 144 bytes: 32 rounded numbers, 32 remainders, their scale (float32), 12 bytes unused.
(module
  (memory (export "memory") 1)

  (func $lanes_sum (param $lanes v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $lanes)) (f32x4.extract_lane 1 (local.get $lanes)))
      (f32.add (f32x4.extract_lane 2 (local.get $lanes)) (f32x4.extract_lane 3 (local.get $lanes)))))

  (func $lanes_max (param $lanes v128) (result f32)
    (f32.max
      (f32.max (f32x4.extract_lane 0 (local.get $lanes)) (f32x4.extract_lane 1 (local.get $lanes)))
      (f32.max (f32x4.extract_lane 2 (local.get $lanes)) (f32x4.extract_lane 3 (local.get $lanes)))))

  (func $whole (param $numbers v128) (result v128)
    (i32x4.trunc_sat_f32x4_s (local.get $numbers)))

  ;; One block. A number that is not one makes the scales none, and so every result of this vector.
  (func $split_block (param $from i32) (param $to i32) (param $sum_to i32)
    (local $place i32) (local $largest v128) (local $sum v128) (local $inverse v128) (local $scale f32)
    (local $first v128) (local $second v128) (local $rounded_first v128) (local $rounded_second v128)
    (loop $four
      (local.set $first (v128.load (i32.add (local.get $from) (local.get $place))))
      (local.set $largest (f32x4.max (local.get $largest) (f32x4.abs (local.get $first))))
      (local.set $sum (f32x4.add (local.get $sum) (local.get $first)))
      (local.set $place (i32.add (local.get $place) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $place) (i32.const 128))))
    (local.set $scale (f32.div (call $lanes_max (local.get $largest)) (f32.const 32767)))
    (f32.store offset=128 (local.get $to) (local.get $scale))
    (f32.store (local.get $sum_to) (call $lanes_sum (local.get $sum)))
    (if (f32.ne (local.get $scale) (f32.const 0))
      (then (local.set $inverse (f32x4.splat (f32.div (f32.const 1) (local.get $scale))))))
    (local.set $place (i32.const 0))
    (loop $eight
      (local.set $first (f32x4.mul (v128.load (local.get $from)) (local.get $inverse)))
      (local.set $second (f32x4.mul (v128.load offset=16 (local.get $from)) (local.get $inverse)))
      (local.set $rounded_first (f32x4.nearest (local.get $first)))
      (local.set $rounded_second (f32x4.nearest (local.get $second)))
      (v128.store (i32.add (local.get $to) (local.get $place))
        (i16x8.narrow_i32x4_s
          (call $whole (local.get $rounded_first))
          (call $whole (local.get $rounded_second))))
      (v128.store offset=64 (i32.add (local.get $to) (local.get $place))
        (i16x8.narrow_i32x4_s
          (call $remainder (local.get $first) (local.get $rounded_first))
          (call $remainder (local.get $second) (local.get $rounded_second))))
      (local.set $from (i32.add (local.get $from) (i32.const 32)))
      (local.set $place (i32.add (local.get $place) (i32.const 16)))
      (br_if $eight (i32.lt_u (local.get $place) (i32.const 64)))))

  (func $remainder (param $numbers v128) (param $rounded v128) (result v128)
    (call $whole (f32x4.nearest (f32x4.mul
      (f32x4.sub (local.get $numbers) (local.get $rounded))
      (v128.const f32x4 65534 65534 65534 65534)))))

  (func $split_vector
    (local $from i32) (local $to i32) (local $sum_to i32) (local $left i32)
    (local.set $from (i32.load (i32.const 8)))
    (local.set $left (i32.load (i32.const 20)))
    (local.set $to (i32.load (i32.const 24)))
    (local.set $sum_to (i32.load (i32.const 28)))
    (loop $block
      (call $split_block (local.get $from) (local.get $to) (local.get $sum_to))
      (local.set $from (i32.add (local.get $from) (i32.const 128)))
      (local.set $to (i32.add (local.get $to) (i32.const 144)))
      (local.set $sum_to (i32.add (local.get $sum_to) (i32.const 4)))
      (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (loop $fill
      (if (i32.and (local.get $sum_to) (i32.const 15))
        (then
          (f32.store (local.get $sum_to) (f32.const 0))
          (local.set $sum_to (i32.add (local.get $sum_to) (i32.const 4)))
          (br $fill)))))

  ;; Blocks of 20 bytes: 8 words of four 4-bit numbers each, and their step (float32).
  (func (export "multiply_4_bits")
    (local $weights i32) (local $result i32) (local $rows i32) (local $blocks i32)
    (local $vector i32) (local $x i32) (local $left i32)
    (local $lowest i32) (local $sums i32) (local $words v128) (local $mask v128)
    (local $scale v128) (local $rounded v128) (local $remainders v128)
    (local $first v128) (local $second v128) (local $third v128) (local $fourth v128)
    (call $split_vector)
    (local.set $weights (i32.load (i32.const 0)))
    (local.set $result (i32.load (i32.const 12)))
    (local.set $rows (i32.load (i32.const 16)))
    (local.set $blocks (i32.load (i32.const 20)))
    (local.set $vector (i32.load (i32.const 24)))
    (local.set $lowest (i32.load (i32.const 4)))
    (local.set $mask (v128.const i16x8 15 15 15 15 15 15 15 15))
    (loop $row
      (local.set $rounded (v128.const f32x4 0 0 0 0))
      (local.set $remainders (v128.const f32x4 0 0 0 0))
      (local.set $x (local.get $vector))
      (local.set $left (local.get $blocks))
      (loop $block
        (local.set $words (v128.load align=4 (local.get $weights)))
        (local.set $first (v128.and (local.get $words) (local.get $mask)))
        (local.set $second (v128.and (i16x8.shr_u (local.get $words) (i32.const 4)) (local.get $mask)))
        (local.set $third (v128.and (i16x8.shr_u (local.get $words) (i32.const 8)) (local.get $mask)))
        (local.set $fourth (i16x8.shr_u (local.get $words) (i32.const 12)))
        (local.set $scale (f32x4.splat
          (f32.mul (f32.load offset=16 (local.get $weights)) (f32.load offset=128 (local.get $x)))))
        (local.set $rounded (f32x4.add (local.get $rounded) (f32x4.mul (local.get $scale)
          (f32x4.convert_i32x4_s (i32x4.add
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $first) (v128.load offset=0 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $second) (v128.load offset=16 (local.get $x))))
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $third) (v128.load offset=32 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $fourth) (v128.load offset=48 (local.get $x)))))))))
        (local.set $remainders (f32x4.add (local.get $remainders) (f32x4.mul (local.get $scale)
          (f32x4.convert_i32x4_s (i32x4.add
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $first) (v128.load offset=64 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $second) (v128.load offset=80 (local.get $x))))
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $third) (v128.load offset=96 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $fourth) (v128.load offset=112 (local.get $x)))))))))
        (local.set $weights (i32.add (local.get $weights) (i32.const 20)))
        (local.set $x (i32.add (local.get $x) (i32.const 144)))
        (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $rounded (f32x4.add (local.get $rounded)
        (f32x4.mul (local.get $remainders) (f32x4.splat (f32.div (f32.const 1) (f32.const 65534))))))
      (local.set $sums (i32.load (i32.const 28)))
      (local.set $left (local.get $blocks))
      (loop $four
        (local.set $rounded (f32x4.add (local.get $rounded)
          (f32x4.mul (v128.load (local.get $lowest)) (v128.load (local.get $sums)))))
        (local.set $lowest (i32.add (local.get $lowest) (i32.const 16)))
        (local.set $sums (i32.add (local.get $sums) (i32.const 16)))
        (br_if $four (i32.gt_s (local.tee $left (i32.sub (local.get $left) (i32.const 4))) (i32.const 0))))
      ;; No call in here: one would make the loops keep what they add up in memory, at half the speed.
      (f32.store (local.get $result) (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $rounded)) (f32x4.extract_lane 1 (local.get $rounded)))
        (f32.add (f32x4.extract_lane 2 (local.get $rounded)) (f32x4.extract_lane 3 (local.get $rounded)))))
      (local.set $result (i32.add (local.get $result) (i32.const 4)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; Blocks of 36 bytes: 32 signed 8-bit numbers and their step (float32); no lowest values.
  (func (export "multiply_8_bits")
    (local $weights i32) (local $result i32) (local $rows i32) (local $blocks i32)
    (local $vector i32) (local $x i32) (local $left i32)
    (local $scale v128) (local $rounded v128) (local $remainders v128)
    (local $first v128) (local $second v128) (local $third v128) (local $fourth v128)
    (call $split_vector)
    (local.set $weights (i32.load (i32.const 0)))
    (local.set $result (i32.load (i32.const 12)))
    (local.set $rows (i32.load (i32.const 16)))
    (local.set $blocks (i32.load (i32.const 20)))
    (local.set $vector (i32.load (i32.const 24)))
    (loop $row
      (local.set $rounded (v128.const f32x4 0 0 0 0))
      (local.set $remainders (v128.const f32x4 0 0 0 0))
      (local.set $x (local.get $vector))
      (local.set $left (local.get $blocks))
      (loop $block
        (local.set $first (v128.load8x8_s align=4 (local.get $weights)))
        (local.set $second (v128.load8x8_s offset=8 align=4 (local.get $weights)))
        (local.set $third (v128.load8x8_s offset=16 align=4 (local.get $weights)))
        (local.set $fourth (v128.load8x8_s offset=24 align=4 (local.get $weights)))
        (local.set $scale (f32x4.splat
          (f32.mul (f32.load offset=32 (local.get $weights)) (f32.load offset=128 (local.get $x)))))
        (local.set $rounded (f32x4.add (local.get $rounded) (f32x4.mul (local.get $scale)
          (f32x4.convert_i32x4_s (i32x4.add
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $first) (v128.load offset=0 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $second) (v128.load offset=16 (local.get $x))))
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $third) (v128.load offset=32 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $fourth) (v128.load offset=48 (local.get $x)))))))))
        (local.set $remainders (f32x4.add (local.get $remainders) (f32x4.mul (local.get $scale)
          (f32x4.convert_i32x4_s (i32x4.add
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $first) (v128.load offset=64 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $second) (v128.load offset=80 (local.get $x))))
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $third) (v128.load offset=96 (local.get $x)))
              (i32x4.dot_i16x8_s (local.get $fourth) (v128.load offset=112 (local.get $x)))))))))
        (local.set $weights (i32.add (local.get $weights) (i32.const 36)))
        (local.set $x (i32.add (local.get $x) (i32.const 144)))
        (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $rounded (f32x4.add (local.get $rounded)
        (f32x4.mul (local.get $remainders) (f32x4.splat (f32.div (f32.const 1) (f32.const 65534))))))
      ;; No call in here: one would make the loops keep what they add up in memory, at half the speed.
      (f32.store (local.get $result) (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $rounded)) (f32x4.extract_lane 1 (local.get $rounded)))
        (f32.add (f32x4.extract_lane 2 (local.get $rounded)) (f32x4.extract_lane 3 (local.get $rounded)))))
      (local.set $result (i32.add (local.get $result) (i32.const 4)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; The float32 numbers of the same blocks, for products with many vectors; no vector is read.
  (func (export "unpack_4_bits")
    (local $weights i32) (local $lowest_at i32) (local $result i32) (local $rows i32) (local $blocks i32)
    (local $left i32) (local $skip i32)
    (local $numbers v128) (local $step v128) (local $lowest v128) (local $words v128) (local $mask v128)
    (local.set $weights (i32.load (i32.const 0)))
    (local.set $lowest_at (i32.load (i32.const 4)))
    (local.set $result (i32.load (i32.const 12)))
    (local.set $rows (i32.load (i32.const 16)))
    (local.set $blocks (i32.load (i32.const 20)))
    ;; What a row of lowest values is filled up with.
    (local.set $skip (i32.and (i32.mul (local.get $blocks) (i32.const -4)) (i32.const 15)))
    (local.set $mask (v128.const i16x8 15 15 15 15 15 15 15 15))
    (loop $row
      (local.set $left (local.get $blocks))
      (loop $block
        (local.set $words (v128.load align=4 (local.get $weights)))
        (local.set $step (v128.load32_splat offset=16 (local.get $weights)))
        (local.set $lowest (v128.load32_splat (local.get $lowest_at)))
        (local.set $numbers (v128.and (local.get $words) (local.get $mask)))
        (v128.store offset=0 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step))))
        (v128.store offset=16 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step))))
        (local.set $numbers (v128.and (i16x8.shr_u (local.get $words) (i32.const 4)) (local.get $mask)))
        (v128.store offset=32 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step))))
        (v128.store offset=48 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step))))
        (local.set $numbers (v128.and (i16x8.shr_u (local.get $words) (i32.const 8)) (local.get $mask)))
        (v128.store offset=64 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step))))
        (v128.store offset=80 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step))))
        (local.set $numbers (i16x8.shr_u (local.get $words) (i32.const 12)))
        (v128.store offset=96 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step))))
        (v128.store offset=112 (local.get $result)
          (f32x4.add (local.get $lowest)
            (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step))))
        (local.set $weights (i32.add (local.get $weights) (i32.const 20)))
        (local.set $lowest_at (i32.add (local.get $lowest_at) (i32.const 4)))
        (local.set $result (i32.add (local.get $result) (i32.const 128)))
        (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $lowest_at (i32.add (local.get $lowest_at) (local.get $skip)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  (func (export "unpack_8_bits")
    (local $weights i32) (local $result i32) (local $left i32)
    (local $numbers v128) (local $step v128)
    (local.set $weights (i32.load (i32.const 0)))
    (local.set $result (i32.load (i32.const 12)))
    (local.set $left (i32.mul (i32.load (i32.const 16)) (i32.load (i32.const 20))))
    (loop $block
      (local.set $step (v128.load32_splat offset=32 (local.get $weights)))
      (local.set $numbers (v128.load8x8_s align=4 (local.get $weights)))
      (v128.store offset=0 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step)))
      (v128.store offset=16 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step)))
      (local.set $numbers (v128.load8x8_s offset=8 align=4 (local.get $weights)))
      (v128.store offset=32 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step)))
      (v128.store offset=48 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step)))
      (local.set $numbers (v128.load8x8_s offset=16 align=4 (local.get $weights)))
      (v128.store offset=64 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step)))
      (v128.store offset=80 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step)))
      (local.set $numbers (v128.load8x8_s offset=24 align=4 (local.get $weights)))
      (v128.store offset=96 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $numbers))) (local.get $step)))
      (v128.store offset=112 (local.get $result)
        (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $numbers))) (local.get $step)))
      (local.set $weights (i32.add (local.get $weights) (i32.const 36)))
      (local.set $result (i32.add (local.get $result) (i32.const 128)))
      (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
