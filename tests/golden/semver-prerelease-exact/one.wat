(component
  (import "demo:a/b@0.1.0-rc1" (instance (export "f" (func)))))
