(component
  (import "demo:chain/next@0.1.0" (instance $next (export "handle" (func (result u32)))))
  (alias export $next "handle" (func $handle))
  (instance $out (export "handle" (func $handle)))
  (export "demo:chain/next@0.1.0" (instance $out)))
