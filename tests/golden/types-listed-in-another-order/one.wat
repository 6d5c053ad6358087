(component
  (import "demo:t/types@0.1.0" (instance
    (type $b' (record (field "x" u32)))
    (export "b" (type $b (eq $b')))
    (export "f" (func (param "b" $b))))))
