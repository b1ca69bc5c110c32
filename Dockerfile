# docker build -t mmseg .                                                        CPU
# docker build -t mmseg --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .    a GPU with CUDA 12.8
FROM python:3.12-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# g++ is what compile=True builds kernels with, git records the revision of the code in every run.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*

# Data and runs are written into the folder of the code, which has to be the user's own: WORKDIR alone would make it root's.
RUN useradd --create-home --uid 1000 mmseg && install --directory --owner=mmseg --group=mmseg /home/mmseg/mmseg
WORKDIR /home/mmseg/mmseg
COPY --chown=mmseg requirements.txt ./
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" torch torchvision \
    && pip install --no-cache-dir --requirement requirements.txt
COPY --chown=mmseg . ./
RUN pip install --no-cache-dir --editable '.[encoder]'

USER 1000
CMD ["mmseg", "doctor"]
