(component
  (import "demo:t/types@0.1.0" (instance
    (export "r" (type (sub resource))))))
