# The image of a Docker Space, and of any host that runs containers: docker run -p 7860:7860 …
# With a GPU: docker build --build-arg TORCH_BACKEND=cu130 … and docker run --gpus all …
FROM python:3.11-slim
ARG TORCH_BACKEND=cpu

RUN useradd --create-home --uid 1000 user
USER user
ENV HOME=/home/user \
    VIRTUAL_ENV=/home/user/venv \
    PATH=/home/user/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
WORKDIR $HOME/app

COPY --chown=user requirements.txt .
# uv knows where the builds of torch are; the one for CPUs is a quarter of the size of the others.
RUN python -m venv $VIRTUAL_ENV \
    && pip install --no-cache-dir uv==0.13.9 \
    && uv pip install --no-cache --torch-backend=$TORCH_BACKEND -r requirements.txt \
    && pip uninstall --yes uv
COPY --chown=user . .

EXPOSE 7860
HEALTHCHECK --start-period=60s \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 7860, timeout=5); c.request('GET', '/gradio_api/sam2/about'); exit(c.getresponse().status != 200)"]
CMD ["python", "app.py"]
