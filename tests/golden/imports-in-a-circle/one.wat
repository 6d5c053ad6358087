(component
  (import "demo:c/x@0.1.0" (instance $a
    (type $t' (record (field "x" u32)))
    (export "x" (type (eq $t')))))
  (alias export $a "x" (type $t))
  (import "demo:c/y@0.1.0" (instance
    (alias outer 1 $t (type $t-outer))
    (export "x" (type $t (eq $t-outer)))
    (export "f-x" (func (param "x" $t))))))
