// The bulk bench: runs a short script over AXI4-Lite, streams whole frames in from one file and out
// to another at full rate or with random pauses, and checks what belongs to no model: framing,
// marks, stability under back-pressure, progress. sim/bulk.py writes the script and reads the rest.
//
// Plusargs: +script= +input= +weights= +output= +marks= (files), +in_beats= +out_beats= (beats a
//   frame), +watchdog= (cycles without progress), +progress= (frames a line),
//   +source_pause= (of pixels and weights) +sink_pause= (per mille of the cycles), +seed=,
//   +bad_frames= (1: frames may be marked bad), +flips= (file; with the macro FAULTS alone)
// Script, one line a step, all numbers hexadecimal:
//   w ADDRESS DATA   write a register, the answer must be OKAY
//   r ADDRESS 0      read a register, print "@read ADDRESS DATA"
//   p ADDRESS MASK   read a register until all bits of MASK are set
//   l FRAME WORDS    queue the next set of the weights' file, to count from that frame on
//   s FRAMES 0       stream so many frames and wait for their outputs
// A queued set is sent while frames are computed with the one before, as soon as that is in place.
// Where it begins to count does not depend on the pauses: its last word waits until the frame before
// is sure to have begun (an output of it has left), and the pixels of its own first frame wait until
// the engine has taken that word.
// Standard output: "@first CYCLE" (first pixel taken), "@frames N", "@read A D", "@error TEXT" and
// at the very end "@done CYCLES". Anything else is for people.
// Files: a pixel is IN_BYTES bytes, a weight WEIGHT_BYTES, most significant first ($fread's order); an
// output beat is OUT_BYTES rounded up to 32-bit words, least significant first; a mark is the cycle
// of a frame's last output, as two 32-bit words, the top bit set if the frame was marked bad. A
// flip is a line "ROUND CYCLE PATH WORD BIT", decimal, in the order of time: CYCLE counts from the
// ROUND'th "s" of the script, WORD is -1 for a register.

`timescale 1ns / 1ps

module harness #(
    parameter int IN_BYTES = 1,
    parameter int OUT_BYTES = 1,
    parameter int WEIGHT_BYTES = 1  // with the macro WEIGHT_STREAM: an engine has it or has not
);
  localparam int CHUNK = 4096;  // pixels read from the file at once
  localparam int MAX_ERRORS = 20;  // "@error" lines after which there is no point in going on

  localparam int WORDS = (OUT_BYTES + 3) / 4;  // 32-bit words of an output beat

  // harness.cpp: $fwrite's "%u" costs more than half the cycle of a beat of 88 bytes.
  import "DPI-C" function bit harness_open(input string path);
  import "DPI-C" function void harness_put(input bit [32*WORDS-1:0] beat, input int words);
  import "DPI-C" function bit harness_close();

  typedef logic [8*IN_BYTES-1:0] pixel_t;
  typedef logic [8*OUT_BYTES-1:0] result_t;
  typedef logic [8*WEIGHT_BYTES-1:0] weight_t;

  // ---- Clock, reset, settings. All that the engine sees changes in always_ff: a value that a
  // process sets between two clock edges would make Verilator evaluate its logic once more.
  localparam int RESET_CYCLES = 4;
  logic clk = 0, rst = 1;
  longint unsigned cycle = 0;
  int in_beats, out_beats, watchdog, progress, source_pause, sink_pause, seed;
  int script_file, in_file, weights_file, marks_file;
  bit bad_frames;
  int round = -1;  // of the script's streams
  longint unsigned round_start = 0;

  always #1 clk = !clk;
  always_ff @(posedge clk) begin
    cycle <= cycle + 1;
    rst   <= cycle < RESET_CYCLES;
  end

`ifdef ACTIVITY
  // How often each net of the engine changes, from the first streamed frame on.
  initial begin
    wait (round == 0);
    $dumpfile("activity.saif");
    $dumpvars(1, dut);
  end
`endif

`ifdef FAULTS
  // faults.cpp. Between two clock edges, when no process of the design runs.
  import "DPI-C" function bit faults_open(input string path);
  import "DPI-C" context function void faults_at(input int round, input longint cycle);

  always @(negedge clk) if (round >= 0) faults_at(round, cycle - round_start);
`endif

  // ---- The engine
  pixel_t s_tdata;
  logic s_tvalid = 0, s_tready, s_tlast;
  weight_t w_tdata;
  logic w_tvalid = 0, w_tready, w_tlast;
  result_t m_tdata;
  logic m_tvalid, m_tready = 0, m_tlast, m_tuser;
  logic [15:0] awaddr, araddr;
  logic [31:0] wdata, rdata;
  logic awvalid = 0, awready, wvalid = 0, wready, bvalid, bready = 0;
  logic arvalid = 0, arready, rvalid, rready = 0;
  logic [1:0] bresp, rresp;

  katazome dut (
      .clk,
      .rst,
      .s_axis__tdata(s_tdata),
      .s_axis__tvalid(s_tvalid),
      .s_axis__tready(s_tready),
      .s_axis__tlast(s_tlast),
`ifdef WEIGHT_STREAM
      .s_weight__tdata(w_tdata),
      .s_weight__tvalid(w_tvalid),
      .s_weight__tready(w_tready),
      .s_weight__tlast(w_tlast),
`endif
      .m_axis__tdata(m_tdata),
      .m_axis__tvalid(m_tvalid),
      .m_axis__tready(m_tready),
      .m_axis__tlast(m_tlast),
      .m_axis__tuser(m_tuser),
      .s_axil__awaddr(awaddr),
      .s_axil__awprot(3'b000),
      .s_axil__awvalid(awvalid),
      .s_axil__awready(awready),
      .s_axil__wdata(wdata),
      .s_axil__wstrb(4'b1111),
      .s_axil__wvalid(wvalid),
      .s_axil__wready(wready),
      .s_axil__bresp(bresp),
      .s_axil__bvalid(bvalid),
      .s_axil__bready(bready),
      .s_axil__araddr(araddr),
      .s_axil__arprot(3'b000),
      .s_axil__arvalid(arvalid),
      .s_axil__arready(arready),
      .s_axil__rdata(rdata),
      .s_axil__rresp(rresp),
      .s_axil__rvalid(rvalid),
      .s_axil__rready(rready)
  );

  // ---- Errors and pauses
  int errors = 0;

  task automatic error(input string text);
    $display("@error cycle %0d: %s", cycle, text);
    errors = errors + 1;
    if (errors >= MAX_ERRORS) $fatal(1, "too many errors");
  endtask

  int unsigned source_random, weight_random, sink_random;

  function automatic int unsigned xorshift(input int unsigned x);
    x = x ^ (x << 13);
    x = x ^ (x >> 17);
    return x ^ (x << 5);
  endfunction

  // ---- Weights: sets that are queued, the first of them under way
  localparam int NEVER = 32'h7fffffff;
  int set_frames[$], set_words[$];
  int set_frame = NEVER;  // from which the set that is under way counts
  int words_left = 0;  // of it, that were not offered

  task automatic next_set();
    set_frame  = set_frames.size() == 0 ? NEVER : set_frames[0];
    words_left = set_words.size() == 0 ? 0 : set_words[0];
  endtask

  task automatic queue_set(input int frame, input int words);
    if (weights_file == 0) weights_file = opened("weights", "rb");
    set_frames.push_back(frame);
    set_words.push_back(words);
    if (set_frames.size() == 1) next_set();
  endtask

`ifdef WEIGHT_STREAM
  weight_t weight;

  always_ff @(posedge clk) begin
    if (w_tvalid && w_tready && w_tlast) begin
      void'(set_frames.pop_front());
      void'(set_words.pop_front());
      next_set();
    end
    if (!w_tvalid || w_tready) begin
      w_tvalid <= 0;
      if (source_pause != 0) weight_random = xorshift(weight_random);
      if ((words_left > 1 || (words_left == 1 && outputs_of(set_frame - 1)))
          && !(source_pause != 0 && weight_random % 1000 < source_pause)) begin
        if ($fread(weight, weights_file) != WEIGHT_BYTES) $fatal(1, "the weights' file ended early");
        w_tvalid   <= 1;
        w_tdata    <= weight;
        w_tlast    <= words_left == 1;
        words_left = words_left - 1;
      end
    end
  end
`else
  assign w_tready = 0;
`endif

  // ---- Source
  pixel_t chunk[CHUNK];
  int chunk_length = 0, chunk_index = 0, in_beat = 0, in_frame = 0;
  longint in_left = 0;  // pixels that wait to be offered
  bit taken = 0;

  task automatic refill();
    chunk_length = $fread(chunk, in_file) / IN_BYTES;
    chunk_index  = 0;
    if (chunk_length == 0) $fatal(1, "the input file ended early");
  endtask

  always_ff @(posedge clk) begin
    if (s_tvalid && s_tready && !taken) begin
      taken <= 1;
      $display("@first %0d", cycle);
    end
    if (!s_tvalid || s_tready) begin
      if (source_pause != 0) source_random = xorshift(source_random);
      if (in_left == 0 || in_frame == set_frame || (source_pause != 0 && source_random % 1000 < source_pause)) begin
        s_tvalid <= 0;
      end else begin
        if (chunk_index == chunk_length) refill();
        s_tvalid <= 1;
        s_tdata  <= chunk[chunk_index];
        s_tlast  <= in_beat == in_beats - 1;
        chunk_index = chunk_index + 1;
        in_left = in_left - 1;
        in_beat = in_beat + 1;
        if (in_beat == in_beats) begin
          in_beat  = 0;
          in_frame = in_frame + 1;
        end
      end
    end
  end

  // ---- Sink
  int out_beat = 0, frames = 0, frames_wanted = 0, next_progress;
  bit held = 0;
  result_t held_data;
  bit held_last, held_user;

  function automatic bit outputs_of(input int frame);  // whether one of them has left
    return frames > frame || (frames == frame && out_beat != 0);
  endfunction

  task automatic close_frame();
    if (out_beat != out_beats - 1) begin
      error($sformatf("frame %0d: output ends after %0d beats of %0d", frames, out_beat + 1,
                      out_beats));
    end
    if (m_tuser && !bad_frames) error($sformatf("frame %0d: marked bad", frames));
    $fwrite(marks_file, "%u", {m_tuser, cycle[62:0]});
    frames   = frames + 1;
    out_beat = 0;
    if (frames == next_progress) begin
      $display("@frames %0d", frames);
      $fflush();
      next_progress = next_progress + progress;
    end
  endtask

  task automatic take();
    if (frames >= frames_wanted) error("an output beat that belongs to no frame");
    harness_put((32*WORDS)'(m_tdata), WORDS);
    if (m_tlast) begin
      close_frame();
    end else begin
      if (out_beat >= out_beats - 1) error($sformatf("frame %0d: no tlast at its end", frames));
      out_beat = out_beat == out_beats - 1 ? 0 : out_beat + 1;
    end
  endtask

  always_ff @(posedge clk) begin
    if (held && !rst && !(m_tvalid && m_tdata == held_data && m_tlast == held_last
                  && m_tuser == held_user)) begin
      error("an output beat changed while it waited");
    end
    held <= m_tvalid && !m_tready;
    if (m_tvalid && !m_tready) begin
      held_data <= m_tdata;
      held_last <= m_tlast;
      held_user <= m_tuser;
    end
    if (m_tvalid && m_tready) take();
    if (sink_pause == 0) begin
      m_tready <= 1;
    end else begin
      sink_random = xorshift(sink_random);
      m_tready <= sink_random % 1000 >= sink_pause;
    end
  end

  // ---- Watchdog
  int quiet = 0;

  always_ff @(posedge clk) begin
    if ((s_tvalid && s_tready) || (w_tvalid && w_tready) || (m_tvalid && m_tready) || bvalid || rvalid) quiet <= 0;
    else quiet <= quiet + 1;
    if (quiet == watchdog) begin
      $display("@error cycle %0d: no progress for %0d cycles: frame %0d, output beat %0d of %0d, %s",
               cycle, watchdog, frames, out_beat, out_beats,
               m_tvalid ? "output waits" : s_tvalid ? "input waits" : w_tvalid ? "a weight waits"
               : "nothing waits");
      $fatal(1, "watchdog");
    end
  end

  // ---- Control: one access at a time, asked for by the script
  bit asked = 0, answered = 0, is_write;
  logic [15:0] address;
  logic [31:0] data;  // to write, or what was read
  logic [1:0] response;

  always_ff @(posedge clk) begin
    if (asked) begin
      asked = 0;
      awaddr <= address;
      wdata <= data;
      araddr <= address;
      {awvalid, wvalid, bready} <= {3{is_write}};
      {arvalid, rready} <= {2{!is_write}};
    end else begin
      if (awready) awvalid <= 0;
      if (wready) wvalid <= 0;
      if (arready) arvalid <= 0;
      if (bvalid && bready) begin
        bready   <= 0;
        response <= bresp;
        answered <= 1;
      end
      if (rvalid && rready) begin
        rready   <= 0;
        response <= rresp;
        data     <= rdata;
        answered <= 1;
      end
      if (answered) answered <= 0;
    end
  end

  // ---- Script
  task automatic write(input int where, input int value);
    {is_write, address, data, asked} = {1'b1, where[15:0], value, 1'b1};
    @(posedge answered);
    if (response != 0) error($sformatf("write %08h to %04h: response %0d", value, where, response));
  endtask

  task automatic read(input int where);
    {is_write, address, asked} = {1'b0, where[15:0], 1'b1};
    @(posedge answered);
    if (response != 0) error($sformatf("read of %04h: response %0d", where, response));
  endtask

  task automatic stream(input int count);
    frames_wanted = frames_wanted + count;
    round_start = cycle;
    round = round + 1;
    in_left = in_left + longint'(count) * longint'(in_beats);
    wait (frames >= frames_wanted);
  endtask

  task automatic poll(input int where, input int mask);
    longint unsigned start;
    start = cycle;
    do begin
      read(where);
      if (cycle - start > longint'(watchdog)) begin
        $display("@error cycle %0d: %04h holds %08h, not all bits of %08h, after %0d cycles",
                 cycle, where, data, mask, watchdog);
        $fatal(1, "watchdog");
      end
    end while ((data & mask) != mask);
  endtask

  task automatic step(input string verb, input int first, input int second);
    case (verb)
      "w": write(first, second);
      "r": begin
        read(first);
        $display("@read %04h %08h", first, data);
      end
      "p": poll(first, second);
      "l": queue_set(first, second);
      "s": stream(first);
      default: $fatal(1, "unknown step %s", verb);
    endcase
  endtask

  function automatic int setting(input string name, input int otherwise);
    int value;
    if (!$value$plusargs({name, "=%d"}, value)) value = otherwise;
    return value;
  endfunction

  function automatic int opened(input string name, input string mode);
    string path;
    int file;
    if (!$value$plusargs({name, "=%s"}, path)) $fatal(1, "+%s= is missing", name);
    file = $fopen(path, mode);
    if (file == 0) $fatal(1, "cannot open %s", path);
    return file;
  endfunction

  initial begin
    string verb, path;
    int first, second;
    script_file = opened("script", "r");
    in_file = opened("input", "rb");
    if (!$value$plusargs("output=%s", path) || !harness_open(path)) $fatal(1, "cannot open %s", path);
    marks_file = opened("marks", "wb");
    bad_frames = setting("bad_frames", 0) != 0;
`ifdef FAULTS
    if (!$value$plusargs("flips=%s", path) || !faults_open(path)) $fatal(1, "cannot open %s", path);
`endif
    in_beats = setting("in_beats", 1);
    out_beats = setting("out_beats", 1);
    watchdog = setting("watchdog", 100000);
    progress = setting("progress", 10);
    next_progress = progress;
    source_pause = setting("source_pause", 0);
    sink_pause = setting("sink_pause", 0);
    seed = setting("seed", 0);
    source_random = seed * 32'h9e3779b9 ^ 32'h5bd1e995;
    weight_random = seed * 32'h27d4eb2f ^ 32'h165667b1;
    sink_random = seed * 32'h85ebca6b ^ 32'hc2b2ae35;
    wait (!rst);
    @(posedge clk);
    while ($fscanf(script_file, "%s %h %h", verb, first, second) == 3) step(verb, first, second);
    repeat (16) @(posedge clk);  // anything surplus shows
    $fclose(marks_file);
    if (!harness_close()) $fatal(1, "cannot write the output file: is the disk full?");
    $display("@done %0d", cycle);
    $finish;
  end
endmodule
