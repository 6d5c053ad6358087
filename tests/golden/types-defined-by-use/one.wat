(component
  (import "demo:t/base@0.1.0" (instance $base
    (type $p' (record (field "x" u32)))
    (export "point" (type (eq $p')))))
  (alias export $base "point" (type $point))
  (import "demo:t/shapes@0.1.0" (instance
    (alias outer 1 $point (type $point-outer))
    (export "point" (type $p (eq $point-outer)))
    (type $line' (tuple $p $p))
    (export "line" (type (eq $line'))))))
