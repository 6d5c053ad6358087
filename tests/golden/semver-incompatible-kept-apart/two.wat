(component
  (import "demo:a/b@0.2.0" (instance (export "g" (func)))))
