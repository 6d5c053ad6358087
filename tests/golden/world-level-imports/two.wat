(component
  (type $p' (record (field "x" u32)))
  (import "point" (type $point (eq $p')))
  (import "show" (func (param "p" $point))))
