# dann for CPUs and for CUDA GPUs, with the versions of constraints.txt. The wheels of torch for x86-64 Linux bring CUDA's
# libraries along, so that one image serves both.
#   docker build -t dann .
#   docker run --rm -v "$PWD:/work" dann run experiments/quickstart.yaml
#   docker run --rm --gpus all --shm-size 2g -v "$PWD:/work" -v "$HOME/.cache/dann:/data" dann run FILE
# Only the folder /work is kept, with the runs in it; /data has the data sets.
FROM python:3.12-slim
WORKDIR /opt/dann
COPY . .
RUN pip install --no-cache-dir -c constraints.txt . && mkdir /data
ENV DANN_DATA=/data
WORKDIR /work
ENTRYPOINT ["dann"]
