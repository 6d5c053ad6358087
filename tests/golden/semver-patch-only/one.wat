(component
  (import "demo:a/b@0.0.1" (instance (export "f" (func)))))
