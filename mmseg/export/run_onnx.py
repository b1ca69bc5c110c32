"""Segment a picture with a network that mmseg export wrote. Needs onnxruntime, numpy and Pillow, no mmseg.

python run_onnx.py MODEL.onnx PICTURE OUT.png
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image


def main(model: str, picture: str, out: str) -> None:
    session = onnxruntime.InferenceSession(model, providers=onnxruntime.get_available_providers())
    facts = json.loads(session.get_modelmeta().custom_metadata_map['mmseg.json'])
    image = Image.open(picture).convert('RGB')
    size = image.size
    if facts['size']:
        image = image.resize(facts['size'][::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    if facts['processing']:
        ids = session.run(None, {'image': pixels[None]})[0][0]
    else:
        norm = facts['norm']
        ordered = pixels if norm['to_rgb'] else pixels[..., ::-1]
        values = (ordered.astype(np.float32) - np.float32(norm['mean'])) / np.float32(norm['std'])
        logits = session.run(None, {'image': values.transpose(2, 0, 1)[None]})[0][0]
        ids = logits.argmax(0).astype(np.uint8)
    found = Image.fromarray(ids).resize(size, Image.Resampling.NEAREST)
    found.putpalette(np.uint8(facts['palette']).tobytes())
    found.save(out)
    names = dict(enumerate(facts['classes']))
    for train_id, share in enumerate(np.bincount(ids.flatten()) / ids.size):
        if share > 0:
            print(f'{names.get(train_id, "no class"):20} {share:6.1%}')


if __name__ == '__main__':
    main(*sys.argv[1:])
