(component
  (import "demo:a/b@1.0.0" (instance (export "wait" (func async)))))
