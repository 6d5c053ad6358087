(component
  (import "demo:t/types@0.1.0" (instance
    (type $m (map string u32))
    (export "f" (func (param "x" $m))))))
