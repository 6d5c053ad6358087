(component (import "demo:a/b@1.0.0" (instance (export "inner" (instance (export "f" (func)))))))
