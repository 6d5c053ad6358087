(component
  (import "demo:t/types@0.1.0" (instance
    (type $e (enum "a" "b"))
    (export "e" (type (eq $e))))))
