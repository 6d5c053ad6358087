(component
  (import "wasi:io/streams@0.2.9" (instance $streams
    (export "output-stream" (type $output (sub resource)))
    (export "[method]output-stream.check-write" (func (param "self" (borrow $output)) (result u64)))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.9" (instance
    (alias outer 1 $output (type $output-outer))
    (export "output-stream" (type $output (eq $output-outer)))
    (export "get-stdout" (func (result (own $output))))))
  (import "wasi:cli/stderr@0.2.9" (instance
    (alias outer 1 $output (type $output-outer))
    (export "output-stream" (type $output (eq $output-outer)))
    (export "get-stderr" (func (result (own $output)))))))
