(component
  (import "demo:t/types@0.1.0" (instance
    (export "r" (type $r (sub resource)))
    (export "s" (type $s (sub resource)))
    (export "f" (func (param "x" (borrow $r)))))))
