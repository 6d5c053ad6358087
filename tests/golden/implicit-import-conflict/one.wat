(component
  (import "demo:t/types@0.1.0" (instance
    (type $p' (record (field "x" u32) (field "y" u32)))
    (export "point" (type $p (eq $p'))))))
