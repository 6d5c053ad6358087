(component
  (import "demo:a/b" (instance (export "f" (func)))))
