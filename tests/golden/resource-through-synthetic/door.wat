(component
  (import "demo:m/messages@0.1.0" (instance $messages
    (export "message" (type $m (sub resource)))
    (export "make" (func (result (own $m))))))
  (alias export $messages "message" (type $message))
  (import "demo:m/next@0.1.0" (instance $next
    (alias outer 1 $message (type $message-outer))
    (export "message" (type $m (eq $message-outer)))
    (export "handle" (func (param "m" (borrow $m)) (result u32)))))
  (core func $make (canon lower (func $messages "make")))
  (core func $handle (canon lower (func $next "handle")))
  (core func $drop (canon resource.drop $message))
  (core module $m
    (import "m" "make" (func $make (result i32)))
    (import "m" "handle" (func $handle (param i32) (result i32)))
    (import "m" "drop" (func $drop (param i32)))
    (func (export "run") (result i32) (local i32)
      call $make local.tee 0 call $handle local.get 0 call $drop))
  (core instance $i (instantiate $m (with "m" (instance (export "make" (func $make)) (export "handle" (func $handle)) (export "drop" (func $drop))))))
  (func $run (result u32) (canon lift (core func $i "run")))
  (export "run" (func $run)))
