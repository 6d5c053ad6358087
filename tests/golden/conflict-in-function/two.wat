(component
  (import "demo:t/types@0.1.0" (instance
    (export "f" (func (param "b" u32))))))
