(component
  (type (;0;)
    (instance
      (export (;0;) "r" (type (sub resource)))
    )
  )
  (import "demo:t/types@0.1.0" (instance (;0;) (type 0)))
  (component $one (;0;)
    (type (;0;)
      (instance
        (export (;0;) "r" (type (sub resource)))
      )
    )
    (import "demo:t/types@0.1.0" (instance (;0;) (type 0)))
  )
  (instance $one (;1;) (instantiate $one
      (with "demo:t/types@0.1.0" (instance 0))
    )
  )
)
