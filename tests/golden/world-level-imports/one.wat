(component
  (import "handle" (type $handle (sub resource)))
  (type $p' (record (field "x" u32)))
  (import "point" (type $point (eq $p')))
  (import "make" (func (param "p" $point) (result (own $handle)))))
