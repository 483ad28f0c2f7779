"""What integration by parts leaves over where a density has hard edges: ISM − (ESM − J/2) = ∮ p s·n."""

import torch
from torch import Tensor

from gmviz.boxes import Boxes
from gmviz.models import Model
from gmviz.quadrature import gauss_legendre


def boundary_term(boxes: Boxes, model: Model, nodes: int = 24) -> Tensor:
    """∮ p s·n over the faces of all boxes, n pointing outwards; the score of the model may be any field.

    Inside, log p is constant, so J = 0, ESM = ½ E‖s‖² and ISM = ESM + this. Gauss-Legendre on every face.
    """
    sides = boxes.high - boxes.low
    heights = boxes.weights / sides.prod(-1)
    t, w = (part.to(boxes.low) for part in gauss_legendre(nodes, 0.0, 1.0))
    d = boxes.dimension
    cube = torch.cartesian_prod(*(t,) * d).reshape(-1, d)
    rule = torch.cartesian_prod(*(w,) * d).reshape(-1, d).prod(-1)
    total = boxes.low.new_zeros(())
    for axis in range(d):
        flow = heights * sides.prod(-1) / sides[:, axis]
        for sign, face in ((-1.0, 0.0), (1.0, 1.0)):
            on_face = cube.clone()
            on_face[:, axis] = face  # the rule still sums to one along this axis
            points = boxes.low.unsqueeze(1) + sides.unsqueeze(1) * on_face
            across = model.score(points.flatten(0, 1))[:, axis].unflatten(0, points.shape[:2])
            total = total + sign * flow @ (across @ rule)
    return total
