(component
  (import "f" (instance (export "f" (func)))))
