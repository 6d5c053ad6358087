(component
  (import "demo:t/types@0.1.3" (instance
    (type $p' (record (field "x" u32) (field "y" string)))
    (export "point" (type $p (eq $p'))))))
