(component
  (import "demo:a/b@1.7.3" (instance (export "g" (func)))))
