(component
  (import "demo:a/b@0.0.2" (instance (export "f" (func)))))
