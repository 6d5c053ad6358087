;; Same memory in each build of the same component: linked into the interpreter while a component is built.
;;
;; A component contains the memory of an interpreter that has run. Without this module it depends on the seed of `hash`,
;; on the order and the times of files, and on what freed memory contained. The module has three parts:
;;   - before the interpreter starts (`__wasm_call_ctors`): a seed, an allocator, and `posix.listdir` and `posix.stat`
;;   - `start`, called by the first line of the application: `posix.listdir` reads folders from now on
;;   - `finish`, called last: everything is as the interpreter had it, and the stack below is cleared
;; Sources: CPython 3.14, "Memory Management", `PyMem_SetAllocator`, `PyImport_Inittab`; `Objects/obmalloc.c`.
(module
  (@dylink.0 (mem-info (memory 99328 4) (table 11 0)))
  (type $allocate (func (param i32 i32) (result i32)))
  (type $allocate_array (func (param i32 i32 i32) (result i32)))
  (type $release (func (param i32 i32)))
  (type $release_arena (func (param i32 i32 i32)))
  (type $method (func (param i32 i32 i32 i32) (result i32)))
  (type $init (func (result i32)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $table i32))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "GOT.mem" "PyImport_Inittab" (global $modules (mut i32)))
  (import "GOT.mem" "__stack_chk_guard" (global $guard (mut i32)))
  (import "GOT.mem" "_CLOCK_MONOTONIC" (global $monotonic (mut i32)))
  (import "env" "clock" (func $processor_time (result i64)))
  (import "env" "clock_gettime" (func $clock_gettime (param i32 i32) (result i32)))
  (import "env" "closedir" (func $closedir (param i32) (result i32)))
  (import "env" "free" (func $c_free (param i32)))
  (import "env" "fstatat" (func $fstatat (param i32 i32 i32 i32) (result i32)))
  (import "env" "malloc" (func $c_malloc (param i32) (result i32)))
  (import "env" "malloc_usable_size" (func $usable_size (param i32) (result i32)))
  (import "env" "opendir" (func $opendir (param i32) (result i32)))
  (import "env" "readdir" (func $readdir (param i32) (result i32)))
  (import "env" "setenv" (func $setenv (param i32 i32 i32) (result i32)))
  (import "env" "strcmp" (func $strcmp (param i32 i32) (result i32)))
  (import "env" "strlen" (func $strlen (param i32) (result i32)))
  (import "env" "PyBool_FromLong" (func $bool (param i32) (result i32)))
  (import "env" "PyErr_Clear" (func $clear_error))
  (import "env" "PyList_Append" (func $append (param i32 i32) (result i32)))
  (import "env" "PyList_New" (func $new_list (param i32) (result i32)))
  (import "env" "PyLong_FromLongLong" (func $integer (param i64) (result i32)))
  (import "env" "PyMem_GetAllocator" (func $get_allocator (param i32 i32)))
  (import "env" "PyMem_SetAllocator" (func $set_allocator (param i32 i32)))
  (import "env" "PyModule_Create2" (func $create_module (param i32 i32) (result i32)))
  (import "env" "PyObject_CallOneArg" (func $call (param i32 i32) (result i32)))
  (import "env" "PyObject_GetArenaAllocator" (func $get_arenas (param i32)))
  (import "env" "PyObject_GetAttrString" (func $get_attribute (param i32 i32) (result i32)))
  (import "env" "PyObject_SetArenaAllocator" (func $set_arenas (param i32)))
  (import "env" "PyTuple_New" (func $new_tuple (param i32) (result i32)))
  (import "env" "PyTuple_SetItem" (func $set_item (param i32 i32 i32) (result i32)))
  (import "env" "PyUnicode_AsUTF8" (func $utf8 (param i32) (result i32)))
  (import "env" "PyUnicode_DecodeFSDefault" (func $decode (param i32) (result i32)))
  (import "env" "_Py_DecRef" (func $release_object (param i32)))

  ;; Layout of the module's memory:
  ;;     0  names and values; @HASH_SEED@ and @GUARD@ are replaced for each component
  ;;   160  PyMethodDef start, finish and an end      208  PyModuleDef
  ;;   264  three allocators of the interpreter       324  the allocator below
  ;;   344  arenas of the interpreter                 356  arenas below
  ;;   368  initialisation of `posix`                 372  `listdir`: address in its table, function
  ;;   380  `stat`: address in its table, function    388  1 after `start`
  ;;   400  names in the folders that are read before `start`
  ;;  1024  a byte for each 16 KiB of memory below 256 MiB: 1 if it is a pool of small objects
  ;; 17408  addresses of names, then (at 33792) names, or a `struct stat`
  (data (global.get $base)
    "PYTHONHASHSEED\00\00" "@HASH_SEED@\00\00\00\00\00"
    "PYTHONDONTWRITEBYTECODE\00" "1\00\00\00\00\00\00\00"
    "_wasmcp_snapshot" "\00\00\00\00\00\00\00\00" "start\00\00\00" "finish\00\00" "posix\00\00\00"
    "listdir\00" "stat\00\00\00\00" "stat_result\00")
  (data (i32.add (global.get $base) (i32.const 400))
    "encodings\00__init__.py\00aliases.py\00utf_8.py\00_wasmcp_app.py\00"
    "_wasmcp_snapshot.cpython-314-wasm32-wasi.so\00")
  (elem (global.get $table)
    $malloc $calloc $realloc $free $allocate_arena $free_arena $init_posix $listdir $stat $start $finish)

  (func $at (param $offset i32) (result i32) (i32.add (global.get $base) (local.get $offset)))
  (func $function (param $number i32) (result i32) (i32.add (global.get $table) (local.get $number)))

  ;; Allocator: memory is zero when it is given out, and when it is returned.

  ;; Size of a block. Blocks up to 512 bytes are in pools: the number of their size is in the header of the pool.
  (func $size_of (param $block i32) (result i32)
    (local $page i32)
    (local.set $page (i32.shr_u (local.get $block) (i32.const 14)))
    (if (i32.lt_u (local.get $page) (i32.const 16384)) (then
      (if (i32.load8_u (i32.add (call $at (i32.const 1024)) (local.get $page))) (then
        (return (i32.shl
          (i32.add (i32.load offset=20 (i32.shl (local.get $page) (i32.const 14))) (i32.const 1))
          (i32.const 3)))))))
    (call $usable_size (local.get $block)))
  (func $fill (param $block i32) (param $byte i32)
    (if (local.get $block) (then
      (memory.fill (local.get $block) (local.get $byte) (call $size_of (local.get $block))))))
  (func $malloc (param $original i32) (param $size i32) (result i32)
    (local $block i32)
    (local.set $block (call_indirect (type $allocate)
      (i32.load (local.get $original)) (local.get $size) (i32.load offset=4 (local.get $original))))
    (call $fill (local.get $block) (i32.const 0))
    (local.get $block))
  (func $calloc (param $original i32) (param $count i32) (param $size i32) (result i32)
    (local $block i32)
    (local.set $block (call_indirect (type $allocate_array)
      (i32.load (local.get $original)) (local.get $count) (local.get $size) (i32.load offset=8 (local.get $original))))
    (call $fill (local.get $block) (i32.const 0))
    (local.get $block))
  (func $realloc (param $original i32) (param $block i32) (param $size i32) (result i32)
    (local $new i32) (local $old i32)
    (if (i32.eqz (local.get $block)) (then (return (call $malloc (local.get $original) (local.get $size)))))
    (local.set $old (call $size_of (local.get $block)))
    (if (i32.and
          (i32.le_u (local.get $size) (local.get $old))
          (i32.gt_u (local.get $size) (i32.shr_u (local.get $old) (i32.const 1))))
      (then
        (memory.fill (i32.add (local.get $block) (local.get $size)) (i32.const 0)
          (i32.sub (local.get $old) (local.get $size)))
        (return (local.get $block))))
    (local.set $new (call $malloc (local.get $original) (local.get $size)))
    (if (local.get $new) (then
      (memory.copy (local.get $new) (local.get $block)
        (select (local.get $size) (local.get $old) (i32.lt_u (local.get $size) (local.get $old))))
      (call $free (local.get $original) (local.get $block))))
    (local.get $new))
  (func $free (param $original i32) (param $block i32)
    (call $fill (local.get $block) (i32.const 0))
    (call_indirect (type $release)
      (i32.load (local.get $original)) (local.get $block) (i32.load offset=16 (local.get $original))))

  ;; Arenas: 1 MiB of pools of 16 KiB. Only whole pools of an arena are in use.
  (func $mark (param $arena i32) (param $size i32) (param $value i32)
    (local $first i32)
    (local.set $first (i32.shr_u (i32.add (local.get $arena) (i32.const 16383)) (i32.const 14)))
    (local.set $size (i32.shr_u (i32.add (local.get $arena) (local.get $size)) (i32.const 14)))
    (if (i32.gt_u (local.get $size) (i32.const 16384)) (then (local.set $size (i32.const 16384))))
    (if (i32.lt_u (local.get $first) (local.get $size)) (then
      (memory.fill (i32.add (call $at (i32.const 1024)) (local.get $first)) (local.get $value)
        (i32.sub (local.get $size) (local.get $first))))))
  (func $allocate_arena (param $context i32) (param $size i32) (result i32)
    (local $arena i32)
    (local.set $arena (call_indirect (type $allocate)
      (i32.load (call $at (i32.const 344))) (local.get $size) (i32.load (call $at (i32.const 348)))))
    (if (local.get $arena) (then (call $mark (local.get $arena) (local.get $size) (i32.const 1))))
    (local.get $arena))
  (func $free_arena (param $context i32) (param $arena i32) (param $size i32)
    (call $mark (local.get $arena) (local.get $size) (i32.const 0))
    (call_indirect (type $release_arena)
      (i32.load (call $at (i32.const 344))) (local.get $arena) (local.get $size)
      (i32.load (call $at (i32.const 352)))))

  ;; Module `posix`: other functions in its table of methods.
  (func $init_posix (result i32)
    (local $definition i32) (local $method i32)
    (local.set $definition (call_indirect (type $init) (i32.load (call $at (i32.const 368)))))
    (local.set $method (i32.load offset=32 (local.get $definition)))
    (block $end (loop $next
      (br_if $end (i32.eqz (i32.load (local.get $method))))
      (if (i32.eqz (call $strcmp (i32.load (local.get $method)) (call $at (i32.const 112)))) (then
        (call $replace (local.get $method) (call $at (i32.const 372)) (i32.const 7))))
      (if (i32.eqz (call $strcmp (i32.load (local.get $method)) (call $at (i32.const 120)))) (then
        (call $replace (local.get $method) (call $at (i32.const 380)) (i32.const 8))))
      (local.set $method (i32.add (local.get $method) (i32.const 16)))
      (br $next)))
    (local.get $definition))
  (func $replace (param $method i32) (param $kept i32) (param $number i32)
    (i32.store (local.get $kept) (i32.add (local.get $method) (i32.const 4)))
    (i32.store offset=4 (local.get $kept) (i32.load offset=4 (local.get $method)))
    (i32.store offset=4 (local.get $method) (call $function (local.get $number))))
  (func $restore (param $kept i32)
    (if (i32.load (local.get $kept)) (then
      (i32.store (i32.load (local.get $kept)) (i32.load offset=4 (local.get $kept))))))
  ;; The only argument, as UTF-8; 0 if there are others.
  (func $path (param $arguments i32) (param $count i32) (param $names i32) (result i32)
    (local $found i32)
    (if (i32.or (i32.ne (local.get $count) (i32.const 1)) (local.get $names)) (then (return (i32.const 0))))
    (local.set $found (call $utf8 (i32.load (local.get $arguments))))
    (if (i32.eqz (local.get $found)) (then (call $clear_error)))
    (local.get $found))

  ;; posix.listdir(path): sorted. Before `start` no folder is read: the importer asks for each file that it finds here.
  (func $listdir (param $self i32) (param $arguments i32) (param $count i32) (param $names i32) (result i32)
    (local $path i32) (local $found i32) (local $held i32) (local $list i32) (local $i i32) (local $name i32)
    (if (i32.eqz (i32.load (call $at (i32.const 388)))) (then
      (local.set $list (call $new_list (i32.const 0)))
      (local.set $name (call $at (i32.const 400)))
      (loop $next
        (call $add (local.get $list) (local.get $name))
        (local.set $name (i32.add (local.get $name) (i32.add (call $strlen (local.get $name)) (i32.const 1))))
        (br_if $next (i32.load8_u (local.get $name))))
      (return (local.get $list))))
    (local.set $found (i32.const -1))
    (local.set $path (call $path (local.get $arguments) (local.get $count) (local.get $names)))
    (if (local.get $path) (then
      (local.set $held (call $hold))
      (local.set $found (call $read (local.get $path)))
      (call $let_go (local.get $held))))
    (if (i32.lt_s (local.get $found) (i32.const 0)) (then
      (return (call_indirect (type $method)
        (local.get $self) (local.get $arguments) (local.get $count) (local.get $names)
        (i32.load (call $at (i32.const 376)))))))
    (local.set $list (call $new_list (i32.const 0)))
    (block $end (loop $next
      (br_if $end (i32.ge_u (local.get $i) (local.get $found)))
      (call $add (local.get $list) (i32.load (call $nth (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (local.get $list))
  (func $add (param $list i32) (param $name i32)
    (local $object i32)
    (local.set $object (call $decode (local.get $name)))
    (drop (call $append (local.get $list) (local.get $object)))
    (call $release_object (local.get $object)))
  (func $nth (param $i i32) (result i32)
    (i32.add (call $at (i32.const 17408)) (i32.shl (local.get $i) (i32.const 2))))
  ;; Number of the names in a folder, which are then sorted at `$nth`; -1 if it cannot be read, or has too many.
  (func $read (param $path i32) (result i32)
    (local $folder i32) (local $name i32) (local $size i32) (local $end i32) (local $count i32) (local $i i32)
    (local.set $folder (call $opendir (local.get $path)))
    (if (i32.eqz (local.get $folder)) (then (return (i32.const -1))))
    (local.set $end (call $at (i32.const 33792)))
    (block $done (loop $next
      (local.set $name (call $readdir (local.get $folder)))
      (br_if $done (i32.eqz (local.get $name)))
      (local.set $name (i32.add (local.get $name) (i32.const 9)))  ;; `d_name`
      (local.set $size (i32.add (call $strlen (local.get $name)) (i32.const 1)))
      (br_if $next (i32.and  ;; `.` and `..`
        (i32.eq (i32.load8_u (local.get $name)) (i32.const 46))
        (i32.or (i32.eq (local.get $size) (i32.const 2))
          (i32.and (i32.eq (local.get $size) (i32.const 3))
            (i32.eq (i32.load8_u offset=1 (local.get $name)) (i32.const 46))))))
      (if (i32.or (i32.ge_u (local.get $count) (i32.const 4096))
            (i32.gt_u (i32.add (local.get $end) (local.get $size)) (call $at (i32.const 99328))))
        (then
          (drop (call $closedir (local.get $folder)))
          (return (i32.const -1))))
      (memory.copy (local.get $end) (local.get $name) (local.get $size))
      (local.set $i (local.get $count))
      (block $placed (loop $up
        (br_if $placed (i32.eqz (local.get $i)))
        (local.set $name (i32.load (call $nth (i32.sub (local.get $i) (i32.const 1)))))
        (br_if $placed (i32.lt_s (call $strcmp (local.get $name) (local.get $end)) (i32.const 0)))
        (i32.store (call $nth (local.get $i)) (local.get $name))
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br $up)))
      (i32.store (call $nth (local.get $i)) (local.get $end))
      (local.set $end (i32.add (local.get $end) (local.get $size)))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br $next)))
    (drop (call $closedir (local.get $folder)))
    (local.get $count))
  ;; Take every free block of the C library: what is allocated until `$let_go` is beyond them, and leaves no trace in
  ;; their order when it is freed. Returns the last of them; each contains the address of the one before.
  (func $hold (result i32)
    (local $limit i32) (local $size i32) (local $block i32) (local $last i32)
    (local.set $limit (call $c_malloc (i32.const 4194304)))
    (call $c_free (local.get $limit))
    (local.set $size (i32.const 1048576))
    (loop $next
      (local.set $block (call $c_malloc (local.get $size)))
      (if (i32.ge_u (local.get $block) (local.get $limit))
        (then
          (call $c_free (local.get $block))
          (local.set $size (select
            (i32.shr_u (local.get $size) (i32.const 1)) (i32.sub (local.get $size) (i32.const 8))
            (i32.gt_u (local.get $size) (i32.const 256)))))
        (else
          (i32.store (local.get $block) (local.get $last))
          (local.set $last (local.get $block))))
      (br_if $next (i32.ge_u (local.get $size) (i32.const 8))))
    (local.get $last))
  ;; Free them, after clearing what was used beyond them, and the header that such a large block leaves behind it: an
  ;; engine maps the memory of an instance up to the last byte that is not zero.
  (func $let_go (param $block i32)
    (local $before i32) (local $large i32) (local $small i32) (local $end i32)
    (local.set $large (call $c_malloc (i32.const 4194304)))
    (local.set $small (call $c_malloc (i32.const 8)))
    (local.set $end (i32.add (local.get $large) (call $usable_size (local.get $large))))
    (local.set $before (i32.add (local.get $small) (call $usable_size (local.get $small))))
    (memory.fill (local.get $large) (i32.const 0) (i32.sub (local.get $end) (local.get $large)))
    (call $c_free (local.get $small))
    (call $c_free (local.get $large))
    (if (i32.eq (local.get $small) (i32.add (local.get $end) (i32.const 4))) (then
      (memory.fill (local.get $end) (i32.const 0)
        (i32.sub (i32.add (local.get $before) (i32.const 4)) (local.get $end)))))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $block)))
      (local.set $before (i32.load (local.get $block)))
      (call $c_free (local.get $block))
      (local.set $block (local.get $before))
      (br $next))))

  ;; posix.stat(path): mode, and the size of a file. Times, numbers and links are 0.
  (func $stat (param $self i32) (param $arguments i32) (param $count i32) (param $names i32) (result i32)
    (local $path i32) (local $stat i32) (local $fields i32) (local $type i32) (local $i i32)
    (local.set $path (call $path (local.get $arguments) (local.get $count) (local.get $names)))
    (local.set $stat (call $at (i32.const 33792)))
    (if (local.get $path)
      (then (local.set $i (call $fstatat (i32.const -2) (local.get $path) (local.get $stat) (i32.const 0))))
      (else (local.set $i (i32.const -1))))
    (if (local.get $i) (then
      (return (call_indirect (type $method)
        (local.get $self) (local.get $arguments) (local.get $count) (local.get $names)
        (i32.load (call $at (i32.const 384)))))))
    (local.set $fields (call $new_tuple (i32.const 10)))
    (call $set (local.get $fields) (i32.const 0) (i64.load32_u offset=24 (local.get $stat)))
    (loop $next
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (call $set (local.get $fields) (local.get $i) (i64.const 0))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 9))))
    (if (i32.eq (i32.and (i32.load offset=24 (local.get $stat)) (i32.const 0xf000)) (i32.const 0x8000)) (then
      (call $set (local.get $fields) (i32.const 6) (i64.load offset=48 (local.get $stat)))))
    (local.set $type (call $get_attribute (local.get $self) (call $at (i32.const 128))))
    (local.set $i (call $call (local.get $type) (local.get $fields)))
    (call $release_object (local.get $type))
    (call $release_object (local.get $fields))
    (local.get $i))
  (func $set (param $fields i32) (param $i i32) (param $value i64)
    (drop (call $set_item (local.get $fields) (local.get $i) (call $integer (local.get $value)))))

  ;; What other libraries have drawn and measured when they were initialised, before this module.

  (func $now (result i64)
    (drop (call $clock_gettime (global.get $monotonic) (call $at (i32.const 33792))))
    (i64.add
      (i64.mul (i64.load (call $at (i32.const 33792))) (i64.const 1000000000))
      (i64.load32_u offset=8 (call $at (i32.const 33792)))))
  ;; The start of processor time, a `struct timespec`: the monotonic clock minus processor time, within one measurement.
  ;; mimalloc, which the interpreter does not use: cookie and keys, a ChaCha20 state with its output (in front of them
  ;; the constant of RFC 8439, 2.3), and in CPython 3.14 of componentize-py 0.25.1, 538,128 bytes later, milliseconds.
  (func $clear_drawn
    (local $from i64) (local $until i64) (local $used i64) (local $value i64) (local $place i32)
    (local.set $from (call $now))
    (local.set $used (call $processor_time))
    (local.set $until (call $now))
    (local.set $from (i64.sub (local.get $from) (local.get $used)))
    (local.set $used (i64.sub (local.get $until) (local.get $used)))
    (local.set $place (i32.and (i32.add (global.get $stack) (i32.const 7)) (i32.const -8)))
    (loop $next
      (if (i32.eqz (i32.load offset=12 (local.get $place))) (then
        (local.set $value (i64.add
          (i64.mul (i64.load (local.get $place)) (i64.const 1000000000)) (i64.load32_u offset=8 (local.get $place))))
        (if (i32.and
              (i64.ge_u (local.get $value) (local.get $from)) (i64.le_u (local.get $value) (local.get $used)))
          (then (memory.fill (local.get $place) (i32.const 0) (i32.const 16))))))
      (if (i32.and
            (i32.and (i64.eq (i64.load (local.get $place)) (i64.const 0x3320646e61707865))
              (i64.eq (i64.load offset=8 (local.get $place)) (i64.const 0x6b20657479622d32)))
            (i64.eq (i64.load offset=48 (local.get $place)) (i64.const 1)))
        (then
          (memory.fill (i32.sub (local.get $place) (i32.const 12)) (i32.const 0) (i32.const 12))
          (memory.fill (i32.add (local.get $place) (i32.const 16)) (i32.const 0) (i32.const 32))
          (memory.fill (i32.add (local.get $place) (i32.const 64)) (i32.const 0) (i32.const 64))
          (local.set $value (i64.mul
            (i64.load (i32.add (local.get $place) (i32.const 538128))) (i64.const 1000000)))
          (if (i32.and
                (i64.le_u (local.get $value) (local.get $until))
                (i64.ge_s (local.get $value) (i64.sub (local.get $until) (i64.const 60000000000))))
            (then (i64.store (i32.add (local.get $place) (i32.const 538128)) (i64.const 0))))))
      (local.set $place (i32.add (local.get $place) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $place) (global.get $base)))))
  (func $clear_stack
    (memory.fill (i32.const 1024) (i32.const 0) (i32.sub (global.get $stack) (i32.const 1024))))

  (func $use_allocator (param $domain i32)
    (local $kept i32)
    (local.set $kept (i32.add (call $at (i32.const 264)) (i32.mul (local.get $domain) (i32.const 20))))
    (call $get_allocator (local.get $domain) (local.get $kept))
    (i32.store (call $at (i32.const 324)) (local.get $kept))
    (call $set_allocator (local.get $domain) (call $at (i32.const 324))))
  (func (export "__wasm_call_ctors")
    (local $entry i32)
    (drop (call $setenv (call $at (i32.const 0)) (call $at (i32.const 16)) (i32.const 1)))
    (drop (call $setenv (call $at (i32.const 32)) (call $at (i32.const 56)) (i32.const 1)))
    (i32.store (global.get $guard) (i32.const @GUARD@))
    (local.set $entry (i32.load (global.get $modules)))
    (block $end (loop $next
      (br_if $end (i32.eqz (i32.load (local.get $entry))))
      (if (i32.eqz (call $strcmp (i32.load (local.get $entry)) (call $at (i32.const 104)))) (then
        (i32.store (call $at (i32.const 368)) (i32.load offset=4 (local.get $entry)))
        (i32.store offset=4 (local.get $entry) (call $function (i32.const 6)))))
      (local.set $entry (i32.add (local.get $entry) (i32.const 8)))
      (br $next)))
    (i32.store (call $at (i32.const 328)) (call $function (i32.const 0)))
    (i32.store (call $at (i32.const 332)) (call $function (i32.const 1)))
    (i32.store (call $at (i32.const 336)) (call $function (i32.const 2)))
    (i32.store (call $at (i32.const 340)) (call $function (i32.const 3)))
    (call $use_allocator (i32.const 0))
    (call $use_allocator (i32.const 1))
    (call $use_allocator (i32.const 2))
    (call $get_arenas (call $at (i32.const 344)))
    (i32.store (call $at (i32.const 360)) (call $function (i32.const 4)))
    (i32.store (call $at (i32.const 364)) (call $function (i32.const 5)))
    (call $set_arenas (call $at (i32.const 356)))
    (call $clear_drawn)
    (call $clear_stack))

  (func (export "PyInit__wasmcp_snapshot") (result i32)
    (i32.store (call $at (i32.const 160)) (call $at (i32.const 88)))
    (i32.store (call $at (i32.const 164)) (call $function (i32.const 9)))
    (i32.store (call $at (i32.const 168)) (i32.const 4))  ;; `METH_NOARGS`
    (i32.store (call $at (i32.const 176)) (call $at (i32.const 96)))
    (i32.store (call $at (i32.const 180)) (call $function (i32.const 10)))
    (i32.store (call $at (i32.const 184)) (i32.const 4))
    (i32.store (call $at (i32.const 208)) (i32.const 0x3fffffff))  ;; an object that is never freed
    (i32.store (call $at (i32.const 228)) (call $at (i32.const 64)))
    (i32.store (call $at (i32.const 236)) (i32.const -1))
    (i32.store (call $at (i32.const 240)) (call $at (i32.const 160)))
    (call $create_module (call $at (i32.const 208)) (i32.const 1013)))
  (func $start (param i32 i32) (result i32)
    (i32.store (call $at (i32.const 388)) (i32.const 1))
    (call $bool (i32.const 1)))
  (func $finish (param i32 i32) (result i32)
    (call $set_allocator (i32.const 0) (call $at (i32.const 264)))
    (call $set_allocator (i32.const 1) (call $at (i32.const 284)))
    (call $set_allocator (i32.const 2) (call $at (i32.const 304)))
    (call $set_arenas (call $at (i32.const 344)))
    (call $restore (call $at (i32.const 372)))
    (call $restore (call $at (i32.const 380)))
    (memory.fill (call $at (i32.const 1024)) (i32.const 0) (i32.const 98304))
    (call $clear_stack)
    (call $bool (i32.const 1))))
