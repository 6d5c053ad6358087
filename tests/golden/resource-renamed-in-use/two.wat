(component
  (import "demo:u/base@0.1.0" (instance $base
    (export "handle" (type (sub resource)))))
  (alias export $base "handle" (type $h))
  (import "demo:u/user@0.1.0" (instance
    (alias outer 1 $h (type $h-outer))
    (export "handle" (type $h (eq $h-outer)))
    (export "drop-it" (func (param "h" (borrow $h)))))))
