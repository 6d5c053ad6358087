(component
  (import "demo:a/b@0.1.9" (instance (export "f" (func)))))
