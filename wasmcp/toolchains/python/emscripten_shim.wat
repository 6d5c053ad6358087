;; Functions of Emscripten's C library that wasi-libc does not have, or has with other parameters. Extension modules from
;; wheels for Emscripten import them under these names: see `native_abi.py`.
(module
  (@dylink.0 (mem-info))
  (import "env" "clock_gettime" (func $clock_gettime (param i32 i32) (result i32)))
  (import "env" "__errno_location" (func $errno_location (result i32)))
  (import "GOT.mem" "_CLOCK_REALTIME" (global $realtime (mut i32)))
  (import "GOT.mem" "_CLOCK_MONOTONIC" (global $monotonic (mut i32)))
  (import "env" "memory" (memory 0))

  ;; int clock_gettime(clockid_t, struct timespec *): a clock is a number there and an address here. The structure is the
  ;; same. Other clocks than the system's and the monotonic ones (1 MONOTONIC, 4 MONOTONIC_RAW, 6 MONOTONIC_COARSE,
  ;; 7 BOOTTIME; 0 REALTIME, 5 REALTIME_COARSE) do not exist here: EINVAL, which is 28 in both.
  (func (export "wasmcp_emscripten_clock_gettime") (param $clock i32) (param $time i32) (result i32)
    (if (i32.or (i32.eqz (local.get $clock)) (i32.eq (local.get $clock) (i32.const 5)))
      (then (return (call $clock_gettime (global.get $realtime) (local.get $time)))))
    (if (i32.or
          (i32.or (i32.eq (local.get $clock) (i32.const 1)) (i32.eq (local.get $clock) (i32.const 4)))
          (i32.or (i32.eq (local.get $clock) (i32.const 6)) (i32.eq (local.get $clock) (i32.const 7))))
      (then (return (call $clock_gettime (global.get $monotonic) (local.get $time)))))
    (i32.store (call $errno_location) (i32.const 28))
    (i32.const -1))

  ;; int pthread_condattr_setclock(pthread_condattr_t *, clockid_t): of use to waits with a deadline alone, and the
  ;; functions for those are not among the imports that are allowed.
  (func (export "wasmcp_emscripten_condattr_setclock") (param i32 i32) (result i32) (i32.const 0))

  ;; _Unwind_Reason_Code _Unwind_RaiseException(struct _Unwind_Exception *): a panic of Rust. Nothing can catch it.
  (func (export "wasmcp_emscripten_raise") (param i32) (result i32) unreachable)

  ;; void _Unwind_DeleteException(struct _Unwind_Exception *): called when an exception was caught, which never happens.
  (func (export "wasmcp_emscripten_delete") (param i32)))
