(component
  (import "demo:m/messages@0.1.0" (instance $messages
    (export "message" (type $m (sub resource)))
    (export "make" (func (result (own $m))))
    (export "[method]message.read" (func (param "self" (borrow $m)) (result u32)))))
  (alias export $messages "message" (type $message))
  (import "demo:m/next@0.1.0" (instance $next
    (alias outer 1 $message (type $message-outer))
    (export "message" (type $m (eq $message-outer)))
    (export "handle" (func (param "m" (borrow $m)) (result u32)))))
  (alias export $next "handle" (func $handle))
  (instance $out (export "message" (type $message)) (export "handle" (func $handle)))
  (export "demo:m/next@0.1.0" (instance $out)))
