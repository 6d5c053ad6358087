(component
  (import "demo:t/types@0.1.0" (instance $types
    (type $p' (record (field "x" u32)))
    (export "size" (type $p (eq $p')))))
  (alias export $types "size" (type $p))
  (import "demo:t/zoom@0.1.0" (instance
    (alias outer 1 $p (type $p-outer))
    (export "size" (type $p (eq $p-outer)))
    (export "box" (func (param "p" $p))))))
