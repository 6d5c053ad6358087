(component
  (import "demo:m/messages@0.1.0" (instance $messages
    (export "message" (type $m (sub resource)))
    (export "[method]message.read" (func (param "self" (borrow $m)) (result u32)))))
  (alias export $messages "message" (type $message))
  (alias export $messages "[method]message.read" (func $read))
  (core func $read' (canon lower (func $read)))
  (core func $drop (canon resource.drop $message))
  (core module $m
    (import "m" "read" (func $read (param i32) (result i32)))
    (import "m" "drop" (func $drop (param i32)))
    (func (export "handle") (param i32) (result i32) local.get 0 call $read local.get 0 call $drop))
  (core instance $i (instantiate $m (with "m" (instance (export "read" (func $read')) (export "drop" (func $drop))))))
  (type $handle (func (param "m" (borrow $message)) (result u32)))
  (func $handle (type $handle) (canon lift (core func $i "handle")))
  (instance $out (export "message" (type $message)) (export "handle" (func $handle)))
  (export "demo:m/next@0.1.0" (instance $out)))
