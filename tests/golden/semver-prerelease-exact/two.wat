(component
  (import "demo:a/b@0.1.0" (instance (export "f" (func)))))
