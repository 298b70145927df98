FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LAMPLIGHT_VAR=/data TORCH_HOME=/data/torch
WORKDIR /app
COPY requirements.txt requirements-no-deps.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt && pip install --no-cache-dir --no-deps -r requirements-no-deps.txt
COPY . .
RUN useradd --create-home --uid 1000 lamplight && mkdir /data && chown lamplight /data
USER lamplight
VOLUME /data
EXPOSE 8000
ENV HOST=0.0.0.0
CMD ["python", "-m", "config.web"]
