(component
  (import "demo:t/types@0.1.0" (instance
    (type $a' (enum "k"))
    (export "a" (type $a (eq $a')))
    (type $c' (record (field "a" $a)))
    (export "c" (type $c (eq $c')))
    (type $b' (record (field "x" u32)))
    (export "b" (type $b (eq $b')))
    (export "g" (func (param "c" (list $c)))))))
