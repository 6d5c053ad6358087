(component
  (import "demo:t/types@0.1.0" (instance $types
    (type $p' (record (field "x" u32)))
    (export "point" (type $p (eq $p')))))
  (alias export $types "point" (type $p))
  (import "demo:t/erase@0.1.0" (instance
    (alias outer 1 $p (type $p-outer))
    (export "point" (type $p (eq $p-outer)))
    (export "rub" (func (param "p" $p))))))
