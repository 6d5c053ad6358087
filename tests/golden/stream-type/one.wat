(component
  (import "demo:t/types@0.1.0" (instance
    (type $s (stream u8))
    (type $o (option $s))
    (type $l (list $o))
    (export "f" (func (param "x" $l))))))
