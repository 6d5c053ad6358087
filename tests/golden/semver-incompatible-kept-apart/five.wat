(component
  (import "demo:a/b@2.0.0" (instance (export "f" (func)))))
