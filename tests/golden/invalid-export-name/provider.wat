(component
  (core module $m (func (export "greet") (result i32) i32.const 42))
  (core instance $i (instantiate $m))
  (func $greet (result u32) (canon lift (core func $i "greet")))
  (instance $api (export "greet" (func $greet)))
  (export "demo:greet/api@0.1.0" (instance $api)))
