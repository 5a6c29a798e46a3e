# The environment of requirements.lock, with the CPU build of torch: see docs/install.md.
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /dime
COPY requirements.lock pyproject.toml README.md LICENSE Makefile ./
RUN mkdir dime && touch dime/__init__.py && \
    PIP_NO_CACHE_DIR=1 PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make install UV=
COPY . .
RUN touch .venv/ready
ENV PATH=/dime/.venv/bin:$PATH OMP_NUM_THREADS=1
CMD ["dime", "demo", "/out/demo"]
