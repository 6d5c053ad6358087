(component
  (import "demo:u/base@0.2.10" (instance $base
    (export "handle" (type $h (sub resource)))
    (type $p' (record (field "x" u32)))
    (export "point" (type (eq $p')))))
  (alias export $base "handle" (type $h))
  (alias export $base "point" (type $p))
  (import "demo:u/middle@0.2.10" (instance $middle
    (alias outer 1 $h (type $h-outer))
    (alias outer 1 $p (type $p-outer))
    (export "handle" (type $h (eq $h-outer)))
    (export "point" (type $p (eq $p-outer)))
    (type $line' (record (field "from" $p) (field "to" $p) (field "by" (own $h))))
    (export "line" (type (eq $line')))))
  (alias export $middle "handle" (type $h2))
  (alias export $middle "line" (type $line))
  (import "demo:u/top@0.2.10" (instance
    (alias outer 1 $h2 (type $h-outer))
    (alias outer 1 $line (type $line-outer))
    (export "handle" (type $h (eq $h-outer)))
    (export "line" (type $line (eq $line-outer)))
    (export "g" (func (param "h" (borrow $h)) (result $line))))))
