(component
  (import "demo:a/b" (instance (export "g" (func)))))
