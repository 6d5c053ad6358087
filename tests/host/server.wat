;; A small server for tests of the host: it exports `wasmcp:embedding/exchange` and misbehaves on command.
;;
;; `message` and `http` search for `!` in the line or the body. The letter after it is the command:
;;
;;   command | effect
;;   --------|------------------------------------------------------------------------------
;;   !A      | allocate memory until it is refused, then trap
;;   !B      | return a response of 2 MiB
;;   !C      | wait for a line on stdin (`TOKEN cancel`), then return the text
;;   !E      | send two `message` events, then return the text
;;   !H      | `http` only: send a head and a chunk, then end the stream with a last chunk
;;   !K      | send a head and a chunk, then loop endlessly
;;   !L      | loop endlessly
;;   !O      | write the text to stderr, then trap
;;   !S      | write the text to stderr, then return it
;;   !T      | trap
;;   !W      | sleep for five seconds in `wasi:io/poll`
;;   !X      | send one `message` event, then trap
;;
;; Without a command the response is the text of the request. The new state is the old one with a `.` appended.
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error-type))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
  ))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))
  ))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $out (sub resource)))
    (export "input-stream" (type $in (sub resource)))
    (alias outer 1 $error-type (type $e))
    (export "error" (type $error (eq $e)))
    (type $failure (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failure)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $stream-error)))))
    (export "[method]input-stream.read"
      (func (param "self" (borrow $in)) (param "len" u64) (result (result (list u8) (error $stream-error)))))
  ))
  (alias export $streams "output-stream" (type $output-stream))
  (alias export $streams "input-stream" (type $input-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $o))
    (export "output-stream" (type $out (eq $o)))
    (export "get-stdout" (func (result (own $out))))
  ))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output-stream (type $o))
    (export "output-stream" (type $out (eq $o)))
    (export "get-stderr" (func (result (own $out))))
  ))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (alias outer 1 $input-stream (type $i))
    (export "input-stream" (type $in (eq $i)))
    (export "get-stdin" (func (result (own $in))))
  ))

  (core module $libc
    (memory (export "memory") 2)
    (global $top (mut i32) (i32.const 65536))
    (func (export "reset") (global.set $top (i32.const 65536)))
    ;; Bump allocator; grows the memory if necessary, and traps if that is refused.
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $at) (local.get $size)))
      (block $fits
        (loop $more
          (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
          (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
          (br $more)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))

  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $read
    (canon lower (func $streams "[method]input-stream.read") (memory $memory) (realloc $realloc)))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $get-stderr (canon lower (func $stderr "get-stderr")))
  (core func $get-stdin (canon lower (func $stdin "get-stdin")))

  (core module $main
    (import "libc" "memory" (memory 2))
    (import "libc" "reset" (func $reset))
    (import "libc" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "wasi" "block" (func $block (param i32)))
    (import "wasi" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "wasi" "write" (func $write (param i32 i32 i32 i32)))
    (import "wasi" "read" (func $read (param i32 i64 i32)))
    (import "wasi" "get-stdout" (func $get-stdout (result i32)))
    (import "wasi" "get-stderr" (func $get-stderr (result i32)))
    (import "wasi" "get-stdin" (func $get-stdin (result i32)))
    (global $stdout (mut i32) (i32.const -1))
    (global $stdin (mut i32) (i32.const -1))
    ;; 0..64 results of exports, 64..96 the result of a write or read, 128.. one outgoing line
    (data (i32.const 1024) " message {\22jsonrpc\22:\222.0\22,\22method\22:\22notifications/message\22,\22params\22:{\22data\22:\22hi\22}}\0a")
    (data (i32.const 1200) " head {\22status\22:200,\22headers\22:[[\22content-type\22,\22text/event-stream\22]]}\0a")
    (data (i32.const 1300) " chunk \22data: 1\5cn\5cn\22\0a")
    (data (i32.const 1400) "data: 2\0a\0a")
    (data (i32.const 1500) "content-type: application/json\0d\0a")

    (func $out (result i32)
      (if (i32.eq (global.get $stdout) (i32.const -1)) (then (global.set $stdout (call $get-stdout))))
      (global.get $stdout))

    ;; Write one line: TOKEN in decimal, then the constant text at $text.
    (func $frame (param $token i32) (param $text i32) (param $length i32)
      (local $at i32) (local $divisor i32)
      (local.set $at (i32.const 128))
      (local.set $divisor (i32.const 1000000000))
      (loop $digits
        (if (i32.or (i32.ge_u (local.get $token) (local.get $divisor)) (i32.eq (local.get $divisor) (i32.const 1)))
          (then
            (i32.store8 (local.get $at)
              (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $token) (local.get $divisor)) (i32.const 10))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))))
        (local.set $divisor (i32.div_u (local.get $divisor) (i32.const 10)))
        (br_if $digits (local.get $divisor)))
      (memory.copy (local.get $at) (local.get $text) (local.get $length))
      (call $write (call $out) (i32.const 128)
        (i32.add (i32.sub (local.get $at) (i32.const 128)) (local.get $length)) (i32.const 64)))

    ;; Poll stdin every 1 ms until there is input, without blocking on it.
    (func $wait-for-input
      (if (i32.eq (global.get $stdin) (i32.const -1)) (then (global.set $stdin (call $get-stdin))))
      (loop $again
        (call $read (global.get $stdin) (i64.const 64) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then unreachable))
        (if (i32.eqz (i32.load (i32.const 72)))
          (then
            (call $block (call $subscribe (i64.const 1000000)))
            (br $again)))))

    ;; Execute the command in the text. Store address and length of the response at 32 and 36, and return the letter.
    (func $act (param $token i32) (param $text i32) (param $length i32) (result i32)
      (local $i i32) (local $letter i32)
      (i32.store (i32.const 32) (local.get $text))
      (i32.store (i32.const 36) (local.get $length))
      (block $found
        (loop $search
          (br_if $found (i32.ge_u (i32.add (local.get $i) (i32.const 1)) (local.get $length)))
          (if (i32.eq (i32.load8_u (i32.add (local.get $text) (local.get $i))) (i32.const 33))
            (then
              (local.set $letter (i32.load8_u offset=1 (i32.add (local.get $text) (local.get $i))))
              (br $found)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $search)))
      (if (i32.eq (local.get $letter) (i32.const 76)) (then (loop $ever (br $ever))))                    ;; L
      (if (i32.eq (local.get $letter) (i32.const 65))                                                    ;; A
        (then (loop $more (drop (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1048576))) (br $more))))
      (if (i32.eq (local.get $letter) (i32.const 84)) (then unreachable))                                ;; T
      (if (i32.eq (local.get $letter) (i32.const 83))                                                    ;; S
        (then (call $write (call $get-stderr) (local.get $text) (local.get $length) (i32.const 64))))
      (if (i32.eq (local.get $letter) (i32.const 79))                                                    ;; O
        (then (call $write (call $get-stderr) (local.get $text) (local.get $length) (i32.const 64)) unreachable))
      (if (i32.eq (local.get $letter) (i32.const 75))                                                    ;; K
        (then
          (call $frame (local.get $token) (i32.const 1200) (i32.const 70))
          (call $frame (local.get $token) (i32.const 1300) (i32.const 21))
          (loop $ever (br $ever))))
      (if (i32.eq (local.get $letter) (i32.const 69))                                                    ;; E
        (then
          (call $frame (local.get $token) (i32.const 1024) (i32.const 83))
          (call $frame (local.get $token) (i32.const 1024) (i32.const 83))))
      (if (i32.eq (local.get $letter) (i32.const 88))                                                    ;; X
        (then (call $frame (local.get $token) (i32.const 1024) (i32.const 83)) unreachable))
      (if (i32.eq (local.get $letter) (i32.const 67)) (then (call $wait-for-input)))                     ;; C
      (if (i32.eq (local.get $letter) (i32.const 66))                                                    ;; B
        (then
          (i32.store (i32.const 36) (i32.const 2097152))
          (i32.store (i32.const 32) (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2097152)))))
      (if (i32.eq (local.get $letter) (i32.const 87))                                                    ;; W
        (then (call $block (call $subscribe (i64.const 5000000000)))))
      (local.get $letter))

    (func (export "message") (param $token i32) (param $line i32) (param $length i32) (param $state i32) (param $state-length i32) (result i32)
      (local $copy i32)
      (drop (call $act (local.get $token) (local.get $line) (local.get $length)))
      (local.set $copy
        (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.add (local.get $state-length) (i32.const 1))))
      (memory.copy (local.get $copy) (local.get $state) (local.get $state-length))
      (i32.store8 (i32.add (local.get $copy) (local.get $state-length)) (i32.const 46))
      (i32.store (i32.const 0) (i32.load (i32.const 32)))
      (i32.store (i32.const 4) (i32.load (i32.const 36)))
      (i32.store (i32.const 8) (local.get $copy))
      (i32.store (i32.const 12) (i32.add (local.get $state-length) (i32.const 1)))
      (i32.const 0))

    (func (export "http") (param $token i32) (param i32 i32 i32 i32 i32 i32) (param $body i32) (param $length i32) (result i32)
      (local $letter i32)
      (local.set $letter (call $act (local.get $token) (local.get $body) (local.get $length)))
      (i32.store16 (i32.const 0) (i32.const 200))
      (i32.store (i32.const 4) (i32.const 1500))
      (i32.store (i32.const 8) (i32.const 32))
      (i32.store (i32.const 12) (i32.load (i32.const 32)))
      (i32.store (i32.const 16) (i32.load (i32.const 36)))
      (if (i32.eq (local.get $letter) (i32.const 72))                                                    ;; H
        (then
          (call $frame (local.get $token) (i32.const 1200) (i32.const 70))
          (call $frame (local.get $token) (i32.const 1300) (i32.const 21))
          (i32.store16 (i32.const 0) (i32.const 0))
          (i32.store (i32.const 12) (i32.const 1400))
          (i32.store (i32.const 16) (i32.const 9))))
      (i32.const 0))

    (func (export "done") (param i32) (call $reset)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "wasi" (instance
      (export "block" (func $block)) (export "subscribe" (func $subscribe))
      (export "write" (func $write)) (export "read" (func $read))
      (export "get-stdout" (func $get-stdout)) (export "get-stderr" (func $get-stderr)) (export "get-stdin" (func $get-stdin))))))

  (type $response-record (record (field "status" u16) (field "headers" string) (field "body" string)))
  (func $message (param "token" u32) (param "line" string) (param "state" string) (result (tuple string string))
    (canon lift (core func $main "message") (memory $memory) (realloc $realloc) (post-return (core func $main "done"))))
  (component $interface
    (type $plain (record (field "status" u16) (field "headers" string) (field "body" string)))
    (import "response" (type $response (eq $plain)))
    (import "http" (func $http
      (param "token" u32) (param "method" string) (param "target" string) (param "headers" string) (param "body" string)
      (result $response)))
    (import "message" (func $message (param "token" u32) (param "line" string) (param "state" string) (result (tuple string string))))
    (export $out "response" (type $plain))
    (export "http" (func $http) (func
      (param "token" u32) (param "method" string) (param "target" string) (param "headers" string) (param "body" string)
      (result $out)))
    (export "message" (func $message)))
  (func $http
    (param "token" u32) (param "method" string) (param "target" string) (param "headers" string) (param "body" string)
    (result $response-record)
    (canon lift (core func $main "http") (memory $memory) (realloc $realloc) (post-return (core func $main "done"))))
  (instance $exchange (instantiate $interface
    (with "response" (type $response-record))
    (with "http" (func $http)) (with "message" (func $message))))
  (export "wasmcp:embedding/exchange@0.1.0" (instance $exchange))
)
