(component
  (import "demo:greet/api@0.1.0" (instance $api (export "greet" (func (result u32)))))
  (alias export $api "greet" (func $greet))
  (export "run" (func $greet)))
