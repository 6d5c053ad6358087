(component
  (import "demo:c/y@0.1.0" (instance $a
    (type $t' (record (field "y" u32)))
    (export "y" (type (eq $t')))))
  (alias export $a "y" (type $t))
  (import "demo:c/x@0.1.0" (instance
    (alias outer 1 $t (type $t-outer))
    (export "y" (type $t (eq $t-outer)))
    (export "f-y" (func (param "x" $t))))))
